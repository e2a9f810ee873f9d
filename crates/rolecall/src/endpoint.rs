//! The local HTTP server that speaks the container-credentials protocol.
