module k3s-aws/cluster/k3s_flags

go 1.26
