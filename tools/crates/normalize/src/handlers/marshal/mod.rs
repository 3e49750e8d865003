//! The marshalled code in Python bytecode: what depends on what else its process did.
//!
//! When Python writes an object that something else holds as well, it marks it, so that it
//! can be referred to later by number. Whether something else holds it, and whether two equal
//! constants are one object, depends on what the process did before: the same source gives
//! other marks, other copies of constants and another order of the elements of a set in
//! another order of compilation, or in parallel. Here every constant is written once, where it
//! comes first, and referred to by number from then on; what nothing refers to has no mark;
//! the elements of a set stand in the order of their bytes. So written, the code is a
//! function of what it says.
//!
//! In the same way a string is written as interned if anything in the process had interned
//! an equal one before. Python interns names, and constants that could be names, whenever
//! code is loaded: those are written as interned, and all others as plain ones.
//!
//! What is in the bytes is read by `verbatim-formats`; [`write`] decides how it is written.

mod write;

use verbatim_formats::marshal::{read, Form};

/// How code of this magic number is written, if it is that of a release; that of others may be any.
pub(super) fn released(magic: u16) -> Option<&'static Form> {
    match magic {
        // 3.4, 3.5 twice, 3.6, 3.7
        3310 | 3350 | 3351 | 3379 | 3394 => {}
        // 3.8, 3.9, 3.10
        3413 | 3425 | 3439 => {}
        // 3.11 to 3.14
        3495 | 3531 | 3571 | 3627 => {}
        _ => return None,
    }
    Form::of(magic)
}

/// The code as it is written whatever its process did; none if it is not understood.
pub(super) fn normal(data: &[u8], form: &'static Form) -> Option<Vec<u8>> {
    write::write(&read(data, form)?, form)
}

#[cfg(test)]
mod tests {
    use verbatim_formats::marshal::MARK;

    use super::*;

    /// The form of 3.8: the only difference is in code objects, of which these have none.
    fn of(data: &[u8]) -> Option<Vec<u8>> {
        let normal = normal(data, released(3413).unwrap())?;
        let again = super::normal(&normal, released(3413).unwrap());
        assert_eq!(
            again.as_ref(),
            Some(&normal),
            "not the same when done twice"
        );
        Some(normal)
    }

    fn same(left: &[u8], right: &[u8]) {
        let (l, r) = (of(left), of(right));
        assert!(l.is_some() && l == r, "{l:x?} {r:x?}");
    }

    fn differ(left: &[u8], right: &[u8]) {
        let (l, r) = (of(left), of(right));
        assert!(l.is_some() && r.is_some() && l != r, "{l:x?}");
    }

    #[test]
    fn equal_constants_are_written_once() {
        // A copy, a reference, and marks that nothing refers to.
        let once = b")\x02\xfa\x04a b!r\0\0\0\0";
        assert_eq!(of(b")\x02z\x04a b!z\x04a b!").unwrap(), once);
        assert_eq!(of(b"\xa9\x02\xfa\x04a b!r\x01\0\0\0").unwrap(), once);
        assert_eq!(of(b"\xa9\x02\xfa\x04a b!\xfa\x04a b!").unwrap(), once);
        // Tuples by what is in them, however that is told.
        same(
            b")\x02)\x01\xe9\x07\0\0\0)\x01r\0\0\0\0",
            b")\x02)\x01i\x07\0\0\0)\x01i\x07\0\0\0",
        );
        // What Python has one of needs no number, and a mark on it counts for nothing.
        assert_eq!(of(b")\x02NN").unwrap(), b")\x02NN");
        assert_eq!(
            of(b")\x03\xce\xfa\x01 r\0\0\0\0").unwrap(),
            b")\x03N\xfa\x01 r\0\0\0\0"
        );
    }

    #[test]
    fn what_is_not_equal_stays_apart() {
        // True and 1, 1 and 1.0, 0.0 and -0.0, a string and bytes.
        differ(b")\x02Ti\x01\0\0\0", b")\x02i\x01\0\0\0i\x01\0\0\0");
        let float = |value: f64| [b"g", &value.to_le_bytes()[..]].concat();
        let pair = |a: &[u8], b: &[u8]| [b")\x02", a, b].concat();
        differ(
            &pair(&float(0.0), &float(-0.0)),
            &pair(&float(0.0), &float(0.0)),
        );
        differ(
            &pair(b"i\x01\0\0\0", &float(1.0)),
            &pair(&float(1.0), &float(1.0)),
        );
        assert_eq!(
            of(b")\x02z\x01as\x01\0\0\0a").unwrap(),
            b")\x02Z\x01as\x01\0\0\0a"
        );
    }

    #[test]
    fn identity_is_kept_where_it_can_be_seen() {
        let nan = [b"g", &f64::NAN.to_le_bytes()[..]].concat();
        let marked = [b"\xe7", &f64::NAN.to_le_bytes()[..]].concat();
        // `x in [y]` is true for one NaN, and false for two.
        let one = [b")\x02", &marked[..], b"r\0\0\0\0"].concat();
        let two = [b")\x02", &nan[..], &nan].concat();
        assert_eq!(of(&one).unwrap(), one);
        assert_eq!(of(&two).unwrap(), two);
        let complex = [b"y", &nan[1..], &1f64.to_le_bytes()].concat();
        let two = [b")\x02", &complex[..], &complex].concat();
        assert_eq!(of(&two).unwrap(), two);
        // Tuples of them are as different as they are.
        let two = [b")\x02)\x01", &nan[..], b")\x01", &nan].concat();
        assert_eq!(of(&two).unwrap(), two);
        // What can be changed is one object or two.
        for changeable in [&b"[\0\0\0\0"[..], b"{0", b"<\0\0\0\0"] {
            let two = [b")\x02", changeable, changeable].concat();
            assert_eq!(of(&two).unwrap(), two);
            let mut one = [b")\x02", changeable, b"r\0\0\0\0"].concat();
            one[2] |= 0x80;
            assert_eq!(of(&one).unwrap(), one);
        }
    }

    #[test]
    fn elements_of_sets_stand_in_the_order_of_their_bytes() {
        same(
            b">\x03\0\0\0i\x02\0\0\0z\x03fooi\x03\0\0\0",
            b"\xbe\x03\0\0\0\xda\x03foo\xe9\x03\0\0\0\xe9\x02\0\0\0",
        );
        // Sets in sets, whatever is shared between them.
        same(
            b">\x02\0\0\0>\x02\0\0\0z\x01az\x01bz\x01a",
            b">\x02\0\0\0\xfa\x01a>\x02\0\0\0z\x01br\0\0\0\0",
        );
        // An element that is first seen in the set, and one that is seen before it.
        same(
            b")\x02\xfa\x01b>\x02\0\0\0z\x01ar\0\0\0\0",
            b")\x02z\x01b>\x02\0\0\0z\x01bz\x01a",
        );
    }

    #[test]
    fn strings_are_interned_if_they_could_be_names() {
        assert_eq!(of(b"z\x03foo").unwrap(), b"Z\x03foo");
        assert_eq!(of(b"Z\x03f o").unwrap(), b"z\x03f o");
        assert_eq!(of(b"a\x03\0\0\0foo").unwrap(), b"Z\x03foo");
        assert_eq!(of(b"t\x02\0\0\0\xc3\xa9").unwrap(), b"u\x02\0\0\0\xc3\xa9");
        let long = [&b"A\0\x01\0\0"[..], &[b'x'; 256]].concat();
        assert_eq!(of(&long).unwrap(), long);
        let long = [&b"a\0\x01\0\0"[..], &[b' '; 256]].concat();
        assert_eq!(of(&long).unwrap(), long);
    }

    #[test]
    fn what_is_not_understood_is_left() {
        for data in [
            &b""[..],
            b"?",
            b"r\0\0\0\0",
            // A tuple, and a set, that hold themselves.
            b"\xa9\x01r\0\0\0\0",
            b"\xbe\x01\0\0\0r\0\0\0\0",
            b"NN",
            b")\x02N",
            b"0",
            b")\x010",
            b"i\0\0\0",
            b"[\xff\xff\xff\xff",
            b"a\xff\xff\xff\x7f",
            // No text of ASCII.
            b"z\x01\xe9",
        ] {
            assert_eq!(normal(data, released(3413).unwrap()), None, "{data:x?}");
        }
        let deep = [&b")\x01".repeat(100_000)[..], b"N"].concat();
        assert_eq!(normal(&deep, released(3413).unwrap()), None);
    }

    #[test]
    fn what_is_shared_over_and_over_costs_nothing() {
        // Each tuple holds the one before twice: 2^200 objects, if each were written out.
        let mut data = vec![b')', 200, MARK | b')', 0];
        for number in 0..199u32 {
            data.extend_from_slice(&[MARK | b')', 2]);
            for _ in 0..2 {
                data.push(b'r');
                data.extend_from_slice(&number.to_le_bytes());
            }
        }
        assert_eq!(of(&data).unwrap().len(), data.len());
        let set = |inner: &[u8]| [b">\x02\0\0\0", inner, b"N"].concat();
        let mut nested = b"z\x01a".to_vec();
        for _ in 0..200 {
            nested = set(&nested);
        }
        assert!(of(&nested).is_some());
    }
}
