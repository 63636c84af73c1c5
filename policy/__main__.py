"""The policy pack, as the engine starts it; the rules are in k3s_policy/."""

from k3s_policy.pack import start

start()
