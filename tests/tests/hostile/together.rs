use super::suite::Ended;

/// Several attacks that end in the same way.
pub(crate) fn together(all: impl IntoIterator<Item = Ended>) -> Ended {
    let all: Vec<String> = all.into_iter().map(|ended| ended.to_string()).collect();
    let (kind, _) = all[0].split_once(": ").unwrap();
    let texts: Vec<&str> = all
        .iter()
        .map(|ended| {
            let (found, text) = ended.split_once(": ").unwrap();
            assert_eq!(found, kind, "{ended}");
            text.trim_start_matches("its answer is refused:\n  - ").trim_start_matches("it is denied:\n  - ")
        })
        .collect();
    let text = texts.join("\n");
    match kind {
        "ModuleFault" => Ended::module_fault(text),
        "Denied" => Ended::denied(text),
        "Incompatible" => Ended::incompatible(text),
        "HostFault" => Ended::host_fault(text),
        _ => Ended::harmless(text),
    }
}
