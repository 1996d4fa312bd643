# Imported from app.kube.
# no equal: app.kube: a Kubernetes manifest has no equal; `podman kube generate` of running
#   containers, or a container block each, says the same

hostctl {
  name = "imported"
}
