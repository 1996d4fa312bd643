// Command hostctl-import reads what another container tool runs and answers with a configuration, as one JSON document on
// standard output. hostctl import starts it and shows what it says.
//
// It is a program of its own because of what reads Compose files: the libraries take longer to initialise than
// most commands of hostctl take in all.
package main

import (
	"hostctl/importer"
	"hostctl/resource/all"
)

func main() { importer.Main(all.Kinds()) }
