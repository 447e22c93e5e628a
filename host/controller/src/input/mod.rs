//! External repositories: what they contain, and in what state they are.

mod audit;
mod flake;
mod flake_lock;
mod repository;
mod revocations;
mod status;

pub use audit::{Chain, Unfit, Why};
pub(crate) use flake::{FILE_BYTES, urls};
pub use flake_lock::{FlakeLock, FlakeLockError};
pub use repository::{Contents, Offer, Repository, RepositoryError};
pub use revocations::{RevocationError, Revocations};
pub use status::Status;
