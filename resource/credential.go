package resource

// Credential is a secret of the host's, as its owner's policy has it: where it lies, never what it is.
type Credential struct {
	// File is the absolute path of a file that only root can read.
	File string
	// Encrypted says that systemd decrypts it.
	Encrypted bool
}

// Credentials tells what the host's owner has under a credential's id for the container of that name on the host, and whether that
// one may have it. It is pure. nil is for where no host is asked: nothing is known of any.
type Credentials func(id, container string) (Credential, bool)
