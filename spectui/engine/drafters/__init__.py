"""One file a decoding method; the registry names them all."""
