//! The names of months and weekdays in the languages that builds run in.

/// In which language a name is written, if it is not an English one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    German,
    French,
    Spanish,
    Italian,
    Portuguese,
    Dutch,
    Turkish,
    Polish,
    Swedish,
    Russian,
    Chinese,
}

const ENGLISH: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Only names that English does not have; what languages share stands with the first.
const OTHERS: &[(Language, [&str; 12])] = &[
    (
        Language::German,
        [
            "januar",
            "februar",
            "märz",
            "april",
            "mai",
            "juni",
            "juli",
            "august",
            "september",
            "oktober",
            "november",
            "dezember",
        ],
    ),
    (
        Language::French,
        [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
    ),
    (
        Language::Spanish,
        [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
    ),
    (
        Language::Italian,
        [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
    ),
    (
        Language::Portuguese,
        [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
    ),
    (
        Language::Dutch,
        [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
    ),
    (
        Language::Turkish,
        [
            "ocak", "şubat", "mart", "nisan", "mayıs", "haziran", "temmuz", "ağustos", "eylül",
            "ekim", "kasım", "aralık",
        ],
    ),
    (
        Language::Polish,
        [
            "stycznia",
            "lutego",
            "marca",
            "kwietnia",
            "maja",
            "czerwca",
            "lipca",
            "sierpnia",
            "września",
            "października",
            "listopada",
            "grudnia",
        ],
    ),
    (
        Language::Swedish,
        [
            "januari",
            "februari",
            "mars",
            "april",
            "maj",
            "juni",
            "juli",
            "augusti",
            "september",
            "oktober",
            "november",
            "december",
        ],
    ),
    (
        Language::Russian,
        [
            "января",
            "февраля",
            "марта",
            "апреля",
            "мая",
            "июня",
            "июля",
            "августа",
            "сентября",
            "октября",
            "ноября",
            "декабря",
        ],
    ),
];

/// From Monday on: whole names, and as `date` shortens them. Those without a language are English.
const WEEKDAYS: &[[&str; 7]] = &[
    [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ],
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    [
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
    ],
    ["mo", "di", "mi", "do", "fr", "sa", "so"],
    [
        "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
    ],
    ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"],
    [
        "lunes",
        "martes",
        "miércoles",
        "jueves",
        "viernes",
        "sábado",
        "domingo",
    ],
    ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    [
        "lunedì",
        "martedì",
        "mercoledì",
        "giovedì",
        "venerdì",
        "sabato",
        "domenica",
    ],
    ["lun", "mar", "mer", "gio", "ven", "sab", "dom"],
    ["seg", "ter", "qua", "qui", "sex", "sáb", "dom"],
    ["ma", "di", "wo", "do", "vr", "za", "zo"],
    ["pzt", "sal", "çar", "per", "cum", "cmt", "paz"],
    ["pon", "wto", "śro", "czw", "pią", "sob", "nie"],
    ["mån", "tis", "ons", "tor", "fre", "lör", "sön"],
    ["пн", "вт", "ср", "чт", "пт", "сб", "вс"],
];

/// The letters at the start of a text, with the point of an abbreviation.
fn letters(text: &str) -> (String, usize) {
    let letters: String = text
        .chars()
        .take(14)
        .take_while(|c| c.is_alphabetic())
        .collect();
    let length = letters.len();
    (letters.to_lowercase(), length)
}

/// The month that a text starts with: its number, its language, and its length in bytes.
pub(super) fn month(text: &str) -> Option<(u8, Option<Language>, usize)> {
    let (word, mut length) = letters(text);
    let count = word.chars().count();
    let pointed = text[length..].starts_with(". ");
    // `janv.`, `févr.`, `juil.` are longer than the short names of most languages.
    let short = count == 3 || (count == 4 && pointed);
    if count < 3 || word.len() > 24 {
        return None;
    }
    let first_upper = text.chars().next()?.is_uppercase();
    // Short words in small letters are words of a text, but where a year follows: `25 nov. 2026`.
    let certain = first_upper || is_year(text[length..].trim_start_matches(['.', ' ']));
    let found = |names: &[&str; 12]| {
        names
            .iter()
            .position(|name| *name == word || (short && name.starts_with(&word)))
            .or_else(|| (word == "sept").then_some(8))
    };
    let (index, language) = match found(&ENGLISH).filter(|_| first_upper) {
        Some(index) => (index, None),
        None => OTHERS
            .iter()
            // Two that are English verbs are words of a text too.
            .filter(|_| !short || (certain && word != "set" && word != "out"))
            .find_map(|(language, names)| Some((found(names)?, Some(*language))))?,
    };
    // Those that English has too, in small letters, are words of a text.
    if !certain && found(&ENGLISH).is_some() {
        return None;
    }
    if pointed {
        length += 1;
    }
    Some((u8::try_from(index).ok()? + 1, language, length))
}

fn is_year(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits == 4 && (text.starts_with("19") || text.starts_with("20"))
}

/// The length of the weekday that a text starts with.
pub(super) fn weekday(text: &str) -> Option<usize> {
    let (word, length) = letters(text);
    WEEKDAYS
        .iter()
        .any(|names| names.contains(&word.as_str()))
        .then_some(length)
}

/// The length of the weekday of China, Japan or Korea that a text starts with, or 0.
pub(super) fn east_asian_weekday(text: &str) -> usize {
    const DAYS: &str = "月火水木金土日一二三四五六월화수목금토일";
    let (start, rest) = ["星期", "周", "週"]
        .iter()
        .find_map(|start| Some((start.len(), text.strip_prefix(start)?)))
        .unwrap_or((0, text));
    let Some(day) = rest.chars().next().filter(|c| DAYS.contains(*c)) else {
        return 0;
    };
    let rest = &rest[day.len_utf8()..];
    let end = ["曜日", "요일"]
        .iter()
        .find(|end| rest.starts_with(**end))
        .map_or(0, |end| end.len());
    // One letter alone is a weekday in brackets: `(水)`.
    if start + end > 0 || rest.starts_with(')') {
        start + day.len_utf8() + end
    } else {
        0
    }
}

/// Whether two words are names of the same weekday or the same month in two languages.
pub(super) fn is_translated(left: &str, right: &str) -> bool {
    let (l, r) = (left.to_lowercase(), right.to_lowercase());
    if l == r || l.chars().count() < 3 || r.chars().count() < 3 {
        return false;
    }
    let day = |word: &str, of: &[&str; 7]| of.iter().position(|name| *name == word);
    let days = WEEKDAYS.iter().enumerate().any(|(a, names)| {
        day(&l, names).is_some_and(|index| {
            WEEKDAYS.iter().enumerate().any(|(b, others)| {
                // Two tables are of one language: a whole name is no other one than its short form.
                a != b && day(&r, others) == Some(index) && !r.starts_with(&l) && !l.starts_with(&r)
            })
        })
    });
    let whole = |word: &str| {
        month(word)
            .filter(|(_, _, length)| *length == word.len())
            .map(|(number, language, _)| (number, language))
    };
    let months = match (whole(left), whole(right)) {
        (Some((a, of)), Some((b, other))) => a == b && of != other,
        _ => false,
    };
    days || months
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_days_and_months_are_told_from_words() {
        for text in [
            "nov. 2026",
            "janv. 2026",
            "Kas 2026",
            "listopada 2026",
            "Nov 25",
        ] {
            assert!(month(text).is_some(), "{text}");
        }
        for text in ["mar of", "set 2026", "may be", "nov of", "marc. x", "dec 1"] {
            assert!(month(text).is_none(), "{text}");
        }
        assert!(is_translated("Mon", "lun") && is_translated("Wednesday", "mercredi"));
        assert!(is_translated("November", "novembre") && is_translated("Dec", "Dez"));
        assert!(!is_translated("Mon", "Tue") && !is_translated("Mon", "Monday"));
        assert!(!is_translated("mon", "mar") && !is_translated("do", "so"));
    }
}
