//! Questions that are asked at the same time.

use tokio::task::JoinSet;

use crate::Finding;

/// Wait for all; the findings come in the order of their numbers, which go from 0 up, and `done`
/// is called with each as it comes.
pub(crate) async fn in_order(
    mut tasks: JoinSet<(usize, Finding)>,
    mut done: impl FnMut(&Finding),
) -> Vec<Finding> {
    let mut findings = Vec::with_capacity(tasks.len());
    while let Some(result) = tasks.join_next().await {
        match result {
            Ok((number, finding)) => {
                done(&finding);
                findings.push((number, finding));
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    findings.sort_by_key(|(number, _)| *number);
    findings.into_iter().map(|(_, finding)| finding).collect()
}
