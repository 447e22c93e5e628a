//! External repositories: what they contain, and in what state they are.

mod flake;
mod flake_lock;
mod repository;
mod revocations;
mod status;

pub use flake_lock::{FlakeLock, FlakeLockError};
pub use repository::{Contents, Offer, Repository, RepositoryError};
pub use revocations::{RevocationError, Revocations};
pub use status::Status;
