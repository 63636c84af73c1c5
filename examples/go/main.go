// A k3s cluster on AWS as one resource of a program in Go.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"k3s-aws/sdk/go/k3s/aws"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		var allowed []string
		if err := config.New(ctx, "").GetObject("allowedCidrs", &allowed); err != nil {
			return err
		}
		shop, err := aws.NewK3sCluster(ctx, "shop", &aws.K3sClusterArgs{
			Cluster: aws.ClusterArgs{
				Servers: aws.ClusterServersArgs{InstanceType: pulumi.String("t4g.small")},
				Identities: aws.ClusterIdentityArray{aws.ClusterIdentityArgs{
					Name:       pulumi.String("deployer"),
					Role:       pulumi.String("deployer"),
					Namespaces: pulumi.ToStringArray([]string{"shop"}),
				}},
				Network: aws.ClusterNetworkArgs{
					VpcCidr:         pulumi.String("10.69.0.0/16"),
					ApiAllowedCidrs: pulumi.ToStringArray(allowed),
					SshAllowedCidrs: pulumi.ToStringArray(allowed),
				},
			},
		})
		if err != nil {
			return err
		}
		ctx.Export("apiEndpoint", shop.ApiEndpoint)
		ctx.Export("kubeconfig", shop.Kubeconfig)
		return nil
	})
}
