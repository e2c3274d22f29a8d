//! Parts that follow each other in a growing text: blocks, points of a list, rows of a table.
//!
//! Yew lets the browser paint once 16 ms have gone by, also when a new part has been made and the ones before it have not
//! been told yet what is new in them. A reader on a slow device would see a paragraph below another one that lacks its last
//! words. So a part is added only after all before it are drawn as they are now.

use yew::prelude::*;

/// One of the parts. Equal ones are drawn the same.
pub(super) trait Part: Clone + PartialEq + 'static {
    /// The part as a component of its own, known by its place.
    fn draw(&self, place: usize) -> Html;
}

#[derive(Clone, PartialEq, Properties)]
pub(super) struct SeriesProps<T: Part> {
    pub(super) parts: Vec<T>,
}

/// The parts in their order.
#[component]
pub(super) fn Series<T: Part>(props: &SeriesProps<T>) -> Html {
    let drawn = use_mut_ref(Vec::<T>::new);
    let update = use_force_update();
    let parts = &props.parts;
    let count = count_to_draw(&drawn.borrow(), parts);
    let now: Vec<T> = parts.iter().take(count).cloned().collect();
    let is_behind = count < parts.len();
    use_effect(move || {
        if is_behind {
            update.force_update();
        }
    });
    let view = now.iter().enumerate().map(|(place, part)| part.draw(place)).collect();
    drawn.replace(now);
    view
}

/// How many of `parts` are drawn, where `drawn` were.
fn count_to_draw<T: PartialEq>(drawn: &[T], parts: &[T]) -> usize {
    let has_changed = drawn.iter().zip(parts).any(|(before, now)| before != now);
    if has_changed { drawn.len().min(parts.len()) } else { parts.len() }
}

#[cfg(test)]
mod tests {
    use super::count_to_draw;

    #[test]
    fn a_part_is_added_only_when_nothing_before_it_has_changed() {
        assert_eq!(count_to_draw::<u8>(&[], &[1, 2]), 2);
        assert_eq!(count_to_draw(&[1, 2], &[1, 3, 4]), 2);
        assert_eq!(count_to_draw(&[1, 3], &[1, 3, 4]), 3);
        assert_eq!(count_to_draw(&[1, 2, 3], &[4]), 1);
    }
}
