//! Flags about connections, named as curl names them.

use std::path::PathBuf;

use clap::Args;

use crate::plan::draft::ConnectionFlags;

/// How the target is reached; each wins over the script.
#[derive(Args, Debug)]
pub struct ConnectionArgs {
    /// auto (as the server likes best), 1.1, 2, or h2c (2 without TLS)
    #[arg(long, value_name = "VERSION", help_heading = "Connections")]
    http_version: Option<String>,

    /// http://, socks5:// or socks5h://, with user:password@ if need be
    #[arg(long, value_name = "URL", help_heading = "Connections")]
    proxy: Option<String>,

    /// Go to this address for a name, or for name:port (repeatable)
    #[arg(long, value_name = "NAME=ADDR", help_heading = "Connections")]
    resolve: Vec<String>,

    /// Come from this address, range a-b or network a/n; users take them in turn (repeatable)
    #[arg(long = "local-address", value_name = "ADDR", help_heading = "Connections")]
    local_addresses: Vec<String>,

    /// Trust the certificates of this PEM file too
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    cacert: Option<PathBuf>,

    /// Show this certificate (PEM) to servers that ask for one
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    cert: Option<PathBuf>,

    /// The certificate's key (PEM), unless it is in the same file
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    key: Option<PathBuf>,

    /// Do not verify certificates
    #[arg(long, help_heading = "Connections")]
    insecure: bool,

    /// The user-agent header
    #[arg(long, value_name = "TEXT", help_heading = "Connections")]
    user_agent: Option<String>,
}

impl From<ConnectionArgs> for ConnectionFlags {
    fn from(args: ConnectionArgs) -> Self {
        ConnectionFlags {
            http_version: args.http_version,
            insecure: args.insecure,
            cacert: args.cacert,
            cert: args.cert,
            key: args.key,
            proxy: args.proxy,
            resolve: args.resolve,
            local_addresses: args.local_addresses,
            user_agent: args.user_agent,
        }
    }
}
