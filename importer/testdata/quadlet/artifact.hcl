# Imported from model.artifact.
# no equal: model.artifact: artifacts are not fetched

hostctl {
  name = "imported"
}
