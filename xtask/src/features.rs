//! The features of a crate, read from its manifest, so that a new one is checked without anybody's help.

use std::path::Path;

/// The features that a manifest declares, in its order, `default` excepted.
pub(crate) fn of_manifest(path: &Path) -> Result<Vec<String>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
    Ok(parse(&text))
}

/// The keys of the table `[features]`. Enough of TOML for manifests as people write them.
fn parse(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, _)| key.trim().trim_matches('"').to_owned())
        .filter(|key| key != "default" && !key.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_features_of_a_manifest_are_found_and_nothing_else() {
        let manifest = "[package]\nname = \"x\"\n\n[features]\ndefault = [\"a\"]\n## For people.\na = [\"dep:b\"]\n\
                        \"b-c\" = []\n\n[dependencies]\nserde = \"1\"\n";
        assert_eq!(parse(manifest), ["a", "b-c"]);
        assert_eq!(parse("[package]\nname = \"x\"\n"), [""; 0]);
    }
}
