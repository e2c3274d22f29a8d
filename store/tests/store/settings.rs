use serde_json::json;

use crate::fixture::World;

#[tokio::test]
async fn whoever_is_first_decides_and_the_others_see_it() {
    let world = World::new().await;
    let mine = json!("mine");
    assert_eq!(world.store.agree_on_setting("secrets", &mine).await.unwrap(), mine);
    assert_eq!(world.store.agree_on_setting("secrets", &json!("theirs")).await.unwrap(), mine);
    assert_eq!(world.store.agree_on_setting("other", &json!(1)).await.unwrap(), json!(1));
}
