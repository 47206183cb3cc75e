"""The benchmark: real servers on loopback, one load generator, figures anyone can repeat (`make bench`)."""
