//! Images. `$VERBATIM` is the program that is tested.

use super::{case, Case};

/// Rewrites the config of a fresh image, and then what names it. `c` is the config, `m` the manifest, `n` is `$N`.
macro_rules! edited {
    ($statement:literal) => {
        concat!(
            "umoci init --layout $OUT; umoci new --image $OUT:x; python3 - <<'END'\n",
            "import json, hashlib, os\n",
            "o = os.environ['OUT']; n = int(os.environ['N'])\n",
            "blob = lambda digest: o + '/blobs/sha256/' + digest[7:]\n",
            "def put(value):\n",
            "    data = json.dumps(value).encode(); digest = 'sha256:' + hashlib.sha256(data).hexdigest()\n",
            "    open(blob(digest), 'wb').write(data); return {'digest': digest, 'size': len(data)}\n",
            "i = json.load(open(o + '/index.json')); m = json.load(open(blob(i['manifests'][0]['digest'])))\n",
            "c = json.load(open(blob(m['config']['digest'])))\n",
            "c['created'] = '1970-01-01T00:00:00Z'; c['history'] = [{'created': c['created'], 'created_by': 'x'}]\n",
            $statement,
            "\nm['config'].update(put(c)); i['manifests'][0].update(put(m))\n",
            "json.dump(i, open(o + '/index.json', 'w'))\nEND"
        )
    };
}

pub const CASES: &[Case] = &[
    case(
        "history of an image",
        "history",
        edited!("c['history'][0]['created_by'] = 'RUN step %d' % n"),
    ),
    case(
        "order of annotations",
        "history",
        edited!("m['annotations'] = {'a': '1', 'b': '2'} if n else {'b': '2', 'a': '1'}"),
    ),
    case(
        "order of labels",
        "hash-order",
        edited!("c['config']['Labels'] = {'a': '1', 'b': '2'} if n else {'b': '2', 'a': '1'}"),
    ),
    case(
        "the host of a build in an image",
        "hostname",
        edited!("c['config']['Hostname'] = ['3f2a9c1b7d44', '9be01c22aa10'][n]"),
    ),
    case(
        "a variable of an image",
        "environment",
        edited!("c['config']['Env'] = ['PATH=/bin', 'BUILD_TAG=x%d' % n]"),
    ),
    case(
        "another command of an image",
        "source-change",
        edited!("c['config']['Entrypoint'] = ['/bin/server%d' % n]"),
    ),
    case(
        "image with another creation time",
        "timestamp",
        "umoci init --layout l; umoci new --image l:x; umoci config --image l:x --created 2024-01-0$((1 + N))T00:00:00Z --no-history; umoci gc --layout l; mv l $OUT",
    )
    .follows(&["history"]),
    case(
        "image with one changed file",
        "source-change",
        "word=(red blue); mkdir t; for f in a b c; do echo $f >t/$f; done; echo \"The door is ${word[N]}.\" >t/d; tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C t -cf t.tar .; $VERBATIM layer --compression gzip -o l.tar.gz --tar t.tar 2>/dev/null || $VERBATIM normalize --compression gzip -o l.tar.gz t.tar; $VERBATIM image --os linux --architecture amd64 --layer l.tar.gz -o $OUT",
    ),
];
