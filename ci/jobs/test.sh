#!/usr/bin/env bash
# What is tested on a cluster; KUBECONFIG leads to it. Put your own tests below.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

kubectl get node
kubectl auth can-i create deployments --namespace default
