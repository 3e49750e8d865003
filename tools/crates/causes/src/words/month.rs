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
];

const WEEKDAYS: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "montag",
    "dienstag",
    "mittwoch",
    "donnerstag",
    "freitag",
    "samstag",
    "sonntag",
    "lundi",
    "mardi",
    "mercredi",
    "jeudi",
    "vendredi",
    "samedi",
    "dimanche",
    "lunes",
    "martes",
    "miércoles",
    "jueves",
    "viernes",
    "sábado",
    "domingo",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "mo",
    "di",
    "mi",
    "do",
    "fr",
    "sa",
    "so",
    "lun",
    "mar",
    "mer",
    "jeu",
    "ven",
    "sam",
    "dim",
];

/// The letters at the start of a text, with the point of an abbreviation.
fn letters(text: &str) -> (String, usize) {
    let letters: String = text
        .chars()
        .take(12)
        .take_while(|c| c.is_alphabetic())
        .collect();
    let length = letters.len();
    (letters.to_lowercase(), length)
}

/// The month that a text starts with: its number, its language, and its length in bytes.
pub(super) fn month(text: &str) -> Option<(u8, Option<Language>, usize)> {
    let (word, mut length) = letters(text);
    let short = word.chars().count() == 3;
    if !(short || word.chars().count() > 3) || word.len() > 12 {
        return None;
    }
    let first_upper = text.chars().next()?.is_uppercase();
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
            // Short words in small letters, and two that are English verbs, are words of a text.
            .filter(|_| !short || (first_upper && word != "set" && word != "out"))
            .find_map(|(language, names)| Some((found(names)?, Some(*language))))?,
    };
    // Those that English has too, in small letters, are words of a text.
    if !first_upper && found(&ENGLISH).is_some() {
        return None;
    }
    if text[length..].starts_with(". ") {
        length += 1;
    }
    Some((u8::try_from(index).ok()? + 1, language, length))
}

/// The length of the weekday that a text starts with.
pub(super) fn weekday(text: &str) -> Option<usize> {
    let (word, length) = letters(text);
    WEEKDAYS.contains(&word.as_str()).then_some(length)
}
