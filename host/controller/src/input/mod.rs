//! External repositories: what they contain, and in what state they are.

mod flake;
mod flake_lock;
mod repository;
mod status;

pub use flake_lock::{FlakeLock, FlakeLockError};
pub use repository::{Contents, Offer, Repository, RepositoryError};
pub use status::Status;
