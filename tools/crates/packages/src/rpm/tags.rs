//! The numbers of tags (`rpmtag.h` of rpm 6.1).

/// Tags of the header with signatures, and what they become in the database.
pub(super) mod signature {
    pub(in super::super) const DSA: u32 = 267;
    pub(in super::super) const RSA: u32 = 268;
    pub(in super::super) const SHA1: u32 = 269;
    pub(in super::super) const SHA256: u32 = 273;
    /// Texts in base64, any number of them.
    pub(in super::super) const OPENPGP: u32 = 278;
    /// Signatures and a digest over the header and the payload, of before 2003 and a while after.
    pub(in super::super) const PGP: u32 = 1002;
    pub(in super::super) const GPG: u32 = 1005;
}

pub(super) const SIGMD5: u32 = 261;
pub(super) const SHA1HEADER: u32 = 269;
pub(super) const NAME: u32 = 1000;
pub(super) const VERSION: u32 = 1001;
pub(super) const RELEASE: u32 = 1002;
pub(super) const EPOCH: u32 = 1003;
pub(super) const INSTALLTIME: u32 = 1008;
pub(super) const LICENSE: u32 = 1014;
pub(super) const GROUP: u32 = 1016;
pub(super) const ARCH: u32 = 1022;
pub(super) const OLDFILENAMES: u32 = 1027;
pub(super) const FILESIZES: u32 = 1028;
pub(super) const FILESTATES: u32 = 1029;
pub(super) const FILEMODES: u32 = 1030;
pub(super) const FILEDIGESTS: u32 = 1035;
pub(super) const FILELINKTOS: u32 = 1036;
pub(super) const FILEFLAGS: u32 = 1037;
pub(super) const FILEUSERNAME: u32 = 1039;
pub(super) const FILEGROUPNAME: u32 = 1040;
pub(super) const SOURCERPM: u32 = 1044;
pub(super) const PROVIDENAME: u32 = 1047;
pub(super) const REQUIREFLAGS: u32 = 1048;
pub(super) const REQUIRENAME: u32 = 1049;
pub(super) const CONFLICTNAME: u32 = 1054;
pub(super) const TRIGGERNAME: u32 = 1066;
pub(super) const OBSOLETENAME: u32 = 1090;
pub(super) const FILEDEVICES: u32 = 1095;
pub(super) const FILEINODES: u32 = 1096;
pub(super) const PREFIXES: u32 = 1098;
pub(super) const INSTPREFIXES: u32 = 1099;
pub(super) const PROVIDEVERSION: u32 = 1113;
pub(super) const DIRINDEXES: u32 = 1116;
pub(super) const BASENAMES: u32 = 1117;
pub(super) const DIRNAMES: u32 = 1118;
pub(super) const INSTALLCOLOR: u32 = 1127;
pub(super) const INSTALLTID: u32 = 1128;
pub(super) const LONGFILESIZES: u32 = 5008;
pub(super) const FILECAPS: u32 = 5010;
pub(super) const FILEDIGESTALGO: u32 = 5011;
pub(super) const RECOMMENDNAME: u32 = 5046;
pub(super) const SUGGESTNAME: u32 = 5049;
pub(super) const SUPPLEMENTNAME: u32 = 5052;
pub(super) const ENHANCENAME: u32 = 5055;
pub(super) const FILETRIGGERNAME: u32 = 5069;
pub(super) const FILETRIGGERINDEX: u32 = 5070;
pub(super) const TRANSFILETRIGGERNAME: u32 = 5079;
pub(super) const TRANSFILETRIGGERINDEX: u32 = 5080;
pub(super) const PAYLOADSHA256: u32 = 5092;
pub(super) const RPMFORMAT: u32 = 5114;
pub(super) const PACKAGEDIGESTS: u32 = 5118;
pub(super) const PACKAGEDIGESTALGOS: u32 = 5119;
