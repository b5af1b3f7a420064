"""The one place that makes untrusted text harmless to a terminal."""
