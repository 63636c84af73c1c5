import * as pulumi from "@pulumi/pulumi";
import * as k3s from "k3s-aws";

const config = new pulumi.Config();
const allowed = config.requireObject<string[]>("allowedCidrs");

const till = new k3s.aws.K3sCluster("till", {
    cluster: {
        servers: { instanceType: config.get("instanceType") ?? "t4g.small" },
        identities: [{ name: "deployer", role: "deployer", namespaces: ["shop"] }],
        k3s: config.getObject<k3s.types.input.aws.ClusterK3sArgs>("k3s") ?? {},
        network: { vpcCidr: "10.66.0.0/16", apiAllowedCidrs: allowed, sshAllowedCidrs: allowed },
    },
});

export const apiEndpoint = till.apiEndpoint;
export const kubeconfig = till.kubeconfig;
export const nodes = till.nodes.apply((nodes) => nodes.map((each) => each.name));
