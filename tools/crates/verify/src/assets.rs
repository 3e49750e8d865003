//! Published files, by the address of their folder.

use tokio::task::JoinSet;
use verbatim_digest::Digest;
use verbatim_registry::{Assets, Client, ErrorKind};
use verbatim_sums::FileName;

use crate::tasks::in_order;
use crate::{Finding, Judgement, Verdict};

/// Check published files against their sums, several at once. Nothing is kept of them. The
/// findings come in the order of `expected`; `done` is called with each as it comes.
pub async fn check(
    client: &Client,
    assets: &Assets,
    expected: &[(FileName, Digest)],
    done: impl FnMut(&Finding),
) -> Vec<Finding> {
    let mut tasks = JoinSet::new();
    for (number, (name, digest)) in expected.iter().cloned().enumerate() {
        let (client, assets) = (client.clone(), assets.clone());
        tasks.spawn(async move { (number, check_one(&client, &assets, &name, digest).await) });
    }
    in_order(tasks, done).await
}

async fn check_one(client: &Client, assets: &Assets, name: &FileName, expected: Digest) -> Finding {
    let finding =
        |actual, judgement| Finding::new(name.as_str(), Some(expected), actual, judgement);
    match client.asset(assets, name.as_str()).await {
        Ok((actual, _)) if actual == expected => finding(Some(actual), Judgement::identical()),
        Ok((actual, _)) => finding(
            Some(actual),
            Judgement::because(Verdict::Different, "the file has other contents"),
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => finding(
            None,
            Judgement::because(Verdict::Missing, "there is no file of this name"),
        ),
        Err(error) => finding(
            None,
            Judgement::because(Verdict::Unchecked, error.to_string()),
        ),
    }
}
