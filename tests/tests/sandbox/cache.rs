//! Compiled components on disk. What is done to them there on purpose is in `hostile`.

use std::path::Path;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use thymis_sandbox::{CompileError, Compiler, InProcess, Limits, Sandbox};
use thymis_tests::guest::{Guest, request};

/// Counts what it compiles.
struct Counting(InProcess, Arc<AtomicUsize>);

impl Compiler for Counting {
    fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.compile(bytes)
    }
}

/// How often a new process compiles the component.
fn compilations(cache: &Path) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let sandbox =
        Sandbox::with_compiler(Limits::default(), Some(cache.into()), |it| Arc::new(Counting(it, count.clone())))
            .unwrap();
    let component = sandbox.load(&Guest::echo().component(), false).unwrap();
    assert!(component.generate(&request("{}")).unwrap().answer.is_ok());
    count.load(Ordering::SeqCst)
}

#[test]
fn a_component_is_compiled_once_for_all_processes_of_a_user() {
    let (folder, stranger) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (cache, strangers) = (folder.path().join("cache"), stranger.path().join("cache"));
    assert_eq!([compilations(&cache), compilations(&cache), compilations(&cache)], [1, 0, 0]);
    assert_eq!(compilations(&strangers), 1);
}
