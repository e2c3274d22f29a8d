use super::*;

fn places(rig: &Rig, id: u64) -> Vec<u32> {
    let places = rig.news(id).iter().filter_map(|news| match news {
        News::Queued { place } => Some(*place),
        _ => None,
    });
    places.collect()
}

#[test]
fn one_user_with_many_requests_does_not_keep_another_waiting() {
    let mut rig = rig(1);
    let many: Vec<u64> = (0..4).map(|_| rig.ask(ANNA, "tokens:3")).collect();
    rig.step();
    let one = rig.ask(BEN, "tokens:3");
    rig.step_until("Ben's answer", |rig| rig.has_ended(one));
    let served = many.iter().filter(|id| rig.has_ended(**id)).count();
    assert_eq!(served, 1, "only the one that was running");
    rig.finish();
}

#[test]
fn who_waits_is_told_the_place_and_each_change() {
    let mut rig = rig(1);
    let first = rig.ask(ANNA, "tokens:3");
    let second = rig.ask(BEN, "tokens:3");
    let third = rig.ask(CLEO, "tokens:3");
    rig.finish();
    assert_eq!(places(&rig, first), [] as [u32; 0], "it ran at once");
    assert_eq!(places(&rig, second), [1]);
    assert_eq!(places(&rig, third), [2, 1]);
}

#[test]
fn the_queue_is_bounded() {
    let mut rig = rig(1);
    let ids: Vec<u64> = (0..WAITING_MAX + 3).map(|_| rig.ask(ANNA, "tokens:1")).collect();
    let refused = ids.iter().filter(|id| rig.error(**id).is_some()).count();
    assert_eq!(refused, 3);
    for id in ids {
        rig.cancel(id);
    }
    rig.finish();
}

#[test]
fn more_requests_than_slots_are_all_answered() {
    let mut rig = rig(3);
    let ids: Vec<u64> = (0..20).map(|n| rig.ask(n % 4, &format!("question {n}"))).collect();
    rig.step();
    assert_eq!(rig.running().len(), 3);
    rig.finish();
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(rig.text(*id), expected_answer(&asks(&format!("question {n}")), &plain()));
    }
}
