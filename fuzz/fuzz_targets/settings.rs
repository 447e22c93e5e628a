#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| thymis_fuzz::settings(bytes));
