//! Lists, which come page by page: the tags of a repository here (distribution specification,
//! "Listing Tags").

use http::header;
use serde::Deserialize;
use verbatim_foreign::excerpt;
use verbatim_net::{Answer, Url};

use crate::client::Client;
use crate::error::Error;
use crate::name::Repository;
use crate::scope;

/// More entries than these in one list are no list that anyone reads.
const MAX_ENTRIES: usize = 1_000_000;

impl Client {
    /// All tags of a repository, in the registry's order.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Page {
            /// `null` is what some registries say of a repository without tags.
            tags: Option<Vec<String>>,
        }
        let candidates = self.candidates(repository)?;
        let repository = candidates.first().unwrap_or(repository);
        let url = self.url(repository, "tags/list")?;
        let mut tags = Vec::new();
        self.pages(repository, url, "the list of tags", |url, data| {
            let page: Page = serde_json::from_slice(data).map_err(|_| {
                Error::broken(url, "the list of tags is not the JSON that it must be")
            })?;
            for tag in page.tags.unwrap_or_default() {
                if !is_tag(&tag) {
                    return Err(Error::broken(
                        url,
                        format!(
                            "`{}` is in the list of tags and is no tag",
                            excerpt(&tag, 150)
                        ),
                    ));
                }
                tags.push(tag);
            }
            Ok(tags.len())
        })
        .await?;
        Ok(tags)
    }

    /// Read a list page by page. `take` says how many entries there are by now.
    pub(crate) async fn pages(
        &self,
        repository: &Repository,
        url: Url,
        what: &'static str,
        mut take: impl FnMut(&Url, &[u8]) -> Result<usize, Error>,
    ) -> Result<(), Error> {
        let _permit = self.permit().await;
        let limits = &self.options().limits;
        let mut call = scope::read(repository, url);
        for _ in 0..limits.pages {
            let mut answer = self.send(&call).await?;
            answer.must_be_whole(what)?;
            let data = answer.body.whole(what, limits.page).await?;
            let entries = take(&answer.url, &data)?;
            if entries > MAX_ENTRIES {
                return Err(Error::broken(
                    &call.url,
                    format!("{what} has more than {MAX_ENTRIES} entries"),
                ));
            }
            match next_page(&answer)? {
                Some(next) => call.url = next,
                None => return Ok(()),
            }
        }
        Err(Error::broken(
            &call.url,
            format!("{what} has more than {} pages", limits.pages),
        ))
    }
}

/// Where the list goes on: `Link: </v2/…>; rel="next"` (RFC 8288). Never on another host.
fn next_page(answer: &Answer) -> Result<Option<Url>, Error> {
    for link in answer.headers.get_all(header::LINK) {
        let Ok(link) = link.to_str() else { continue };
        let Some((target, parameters)) = link
            .trim()
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
        else {
            continue;
        };
        let next = parameters.split(';').any(|parameter| {
            let parameter = parameter.trim().to_ascii_lowercase();
            parameter == "rel=next" || parameter == "rel=\"next\""
        });
        if !next {
            continue;
        }
        let url = answer
            .url
            .join(target)
            .filter(|url| url.origin() == answer.url.origin());
        return match url {
            Some(url) => Ok(Some(url)),
            None => Err(Error::broken(
                &answer.url,
                "the list goes on somewhere else than on this registry",
            )),
        };
    }
    Ok(None)
}

/// The grammar of tags in the distribution specification.
fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}
