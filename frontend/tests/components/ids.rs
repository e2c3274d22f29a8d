use shared::ClientId;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn ids_made_in_the_browser_are_of_version_seven_and_sort_by_time() {
    let ids: Vec<ClientId> = (0..1_000).map(|_| ClientId::new()).collect();
    assert!(ids.iter().all(|id| id.0.get_version_num() == 7));
    assert!(ids.is_sorted(), "ids are not in the order in which they were made");
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
}
