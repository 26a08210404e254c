//! The OpenAPI document.

use forge_jobs_api::http::{API_PREFIX, document, inventory};
use std::collections::BTreeSet;
use std::path::Path;

/// Set to write the document anew.
const BLESS: &str = "FORGE_BLESS";

#[test]
fn the_document_on_record_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let text = serde_json::to_string_pretty(&document("")).unwrap() + "\n";
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let on_record = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        on_record == text,
        "docs/openapi.json is out of step: run this test with {BLESS}=1 and look at the difference"
    );
}

#[test]
fn each_route_has_a_name_of_its_own_and_a_place_in_the_document() {
    let routes = inventory();
    let ids: BTreeSet<_> = routes.iter().map(|route| route.id).collect();
    assert_eq!(ids.len(), routes.len());
    let document = document("");
    for route in &routes {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &document["paths"][format!("{API_PREFIX}{}", route.path)][method];
        assert_eq!(operation["operationId"], route.id);
    }
}

#[test]
fn all_references_lead_somewhere() {
    let document = document("/ops");
    assert_eq!(document["servers"][0]["url"], "/ops");
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let pointer = reference.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
