#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The main job on a customer database made here: seal, open, rotate, rewrap,
# search, refuse what is wrong, and leave no plaintext in the file.
#
#   tests/demo.sh [build/envelope.so]
#
# Prints each SQL and what it returns. Ends with status 1 when anything is not
# as it should be. Works in a private folder that it removes; needs the sqlite3
# shell and nothing else that a small system lacks.
set -eu

so=${1:-${EE_EXTENSION:-build/envelope.so}}
case $so in
/*) ;;
*) so=$PWD/$so ;;
esac
test -f "$so" || {
    echo "demo: $so is not there; make builds it" >&2
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
umask 077
unset ENVELOPE_PASSPHRASE ENVELOPE_PASSPHRASE_FILE ENVELOPE_CMK ENVELOPE_CMKS \
    ENVELOPE_OPEN_KEYS ENVELOPE_PIN ENVELOPE_SUITE \
    ENVELOPE_PADDING ENVELOPE_PROVIDER_IN_TRANSACTION CREDENTIALS_DIRECTORY
export SQLITE_HISTORY=/dev/null HOME="$work"

checks=0

# title TEXT
title() {
    printf '\n== %s\n' "$*"
}

# Runs SQL in the shell; errors are written without the shell's line number.
run() {
    printf '%s\n' "$2" | sqlite3 -batch -separator ' | ' -nullvalue NULL \
        -cmd "$3" "$1" 2>&1 |
        sed 's/^[A-Za-z ]*rror:* near line [0-9]*: \(.*[^)]\)\( ([0-9]*)\)*$/Error: \1/'
}

# Prints SQL with the shell's prompts. Continued lines are indented ones.
echo_sql() {
    printf '%s\n' "$1" | sed -e 's/^ /   ...>  /' -e t -e 's/^/sqlite> /'
}

# Prints what came of a step, and ends the demo when it is not as expected.
judge() {
    printf '%s\n' "$1" | sed 's/^/   /'
    # shellcheck disable=SC2254  # a pattern
    case $1 in
    $2) checks=$((checks + 1)) ;;
    *)
        printf '\ndemo: FAILED. Expected:\n%s\n' "$2" >&2
        exit 1
        ;;
    esac
}

# show SQL EXPECTED: in the database with the extension. EXPECTED is a pattern.
show() {
    echo_sql "$1"
    judge "$(run app.db "$1" ".load '$so'")" "$2"
}

# plain SQL EXPECTED: the same without the extension.
plain() {
    echo_sql "$1"
    judge "$(run app.db "$1" '.nullvalue NULL')" "$2"
}

# count WORDS EXPECTED: in how many lines of the database's files each word is.
count() {
    printf '$ grep -c -a -F -e WORD app.db app.db-wal app.db-journal\n'
    printf '%s\n' "$1" > words
    while IFS= read -r word; do
        for file in app.db app.db-wal app.db-journal; do
            test -e "$file" || continue
            n=$(grep -c -a -F -e "$word" "$file" || true)
            judge "$file: $n  $word" "$file: $2  $word"
        done
    done < words
    for file in app.db-wal app.db-journal; do
        test -e "$file" || echo "   $file: not there, the last connection removed it"
    done
    rm words
}

auth_error='Error: envelope_open: authentication failed under key pii version 1: *'

title 'A customer database, as many people have one'
plain "PRAGMA journal_mode = WAL;
CREATE TABLE Customer(
  CustomerId INTEGER PRIMARY KEY,
  Name TEXT, Email TEXT, Phone TEXT, City TEXT);
CREATE INDEX Customer_by_Email ON Customer(Email);" 'wal'

# 5000 customers: 20 first names x 25 last names, numbered; the same every time.
run app.db "
CREATE TEMP TABLE f(i INTEGER PRIMARY KEY, t, a);
INSERT INTO f(t, a) VALUES
 ('Luís','luis'),('Leonie','leonie'),('François','francois'),('Bjørn','bjorn'),
 ('František','frantisek'),('Helena','helena'),('Astrid','astrid'),('Daan','daan'),
 ('Kára','kara'),('Eduardo','eduardo'),('Zoë','zoe'),('Søren','soren'),
 ('Łukasz','lukasz'),('Ángela','angela'),('Jörg','joerg'),('Márton','marton'),
 ('Nguyễn','nguyen'),('Ayşe','ayse'),('Олена','olena'),('美咲','misaki');
CREATE TEMP TABLE l(i INTEGER PRIMARY KEY, t, a, city, cc);
INSERT INTO l(t, a, city, cc) VALUES
 ('Gonçalves','goncalves','São José dos Campos',55),('Köhler','koehler','Stuttgart',49),
 ('Tremblay','tremblay','Montréal',1),('Hansen','hansen','Oslo',47),
 ('Wichterlová','wichterlova','Praha',420),('Holý','holy','Brno',420),
 ('Gruber','gruber','Wien',43),('Peeters','peeters','Brussel',32),
 ('Sørensen','soerensen','København',45),('Martins','martins','São Paulo',55),
 ('Rocha','rocha','Rio de Janeiro',55),('Almeida','almeida','Brasília',55),
 ('Ramos','ramos','Porto',351),('Schröder','schroeder','Berlin',49),
 ('Zimmermann','zimmermann','Düsseldorf',49),('Dubois','dubois','Besançon',33),
 ('Lefèvre','lefevre','Nîmes',33),('Hämäläinen','hamalainen','Jyväskylä',358),
 ('Kovács','kovacs','Győr',36),('Wójcik','wojcik','Łódź',48),
 ('Muñoz','munoz','Coruña',34),('Johansson','johansson','Malmö',46),
 ('Ó Briain','obriain','Dún Laoghaire',353),('Yılmaz','yilmaz','İzmir',90),
 ('Đặng','dang','Huế',84);
WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO Customer
SELECT n.i, f.t || ' ' || l.t, f.a || '.' || l.a || n.i || '@example.org',
       CASE WHEN n.i % 7 THEN
         printf('+%d 555 %06d', l.cc, n.i * 7919 % 1000000) END,
       l.city
  FROM n JOIN f ON f.i = 1 + n.i % 20 JOIN l ON l.i = 1 + (n.i * 7 + 1) % 25;
" '.nullvalue NULL'
cp app.db before.db # to compare with at the end

plain "SELECT * FROM Customer WHERE CustomerId IN (1, 7, 23, 4999);
SELECT count(*), count(Phone) FROM Customer;" '1 | Leonie Sørensen | leonie.soerensen1@example.org | +45 555 007919 | København
7 | * | NULL | *
23 | * | * | * | *
4999 | * | * | * | *
5000 | 4286'
emails=$(run app.db "SELECT Email FROM Customer WHERE CustomerId IN (1, 23, 2500, 4999, 5000)" \
    '.nullvalue NULL')
echo 'Whoever has the file reads it:'
count "$emails" '[1-9]*'

title 'A key. Its CMK is in a keyring, which a key file of 32 bytes locks'
head -c 32 /dev/urandom > app.key
export ENVELOPE_KEYFILE="$work/app.key"
echo '$ head -c 32 /dev/urandom > app.key; export ENVELOPE_KEYFILE=app.key'
show "SELECT envelope_key_create('pii', 'keyring:app.keyring');" \
    '????????????????'
show "SELECT name, version, state, suite, cmks FROM envelope_keys;" \
    'pii | 1 | active | aes-256-gcm | keyring:app.keyring'

title 'Seal three columns of 5000 rows, each value bound to its column and row'
show "PRAGMA secure_delete = ON;
DROP INDEX Customer_by_Email;
SELECT length(envelope_key_open('pii'));
.timer on
BEGIN;
UPDATE Customer SET
  Name  = envelope_seal(Name, 'pii', 'Customer.Name', CustomerId),
  Email = envelope_seal_indexed(Email, 'pii', 'Customer.Email', CustomerId),
  Phone = envelope_seal(Phone, 'pii', 'Customer.Phone', CustomerId);
COMMIT;
.timer off
SELECT count(*) FROM Customer WHERE envelope_is_sealed(Email);" '1
*16*
5000'
plain "SELECT CustomerId, typeof(Email), length(Email), substr(hex(Email), 1, 32) || '...', City
  FROM Customer WHERE CustomerId IN (1, 23);" \
    '1 | blob | 155 | FE45010101*... | København
23 | blob | * | FE45010101*... | *'

title 'Open: every value is what it was'
show "SELECT envelope_open(Name, 'Customer.Name', CustomerId),
       envelope_open(Email, 'Customer.Email', CustomerId),
       envelope_open(Phone, 'Customer.Phone', CustomerId), City
  FROM Customer WHERE CustomerId IN (1, 7);" \
    'Leonie Sørensen | leonie.soerensen1@example.org | +45 555 007919 | København
* | *@example.org | NULL | *'
same="ATTACH 'before.db' AS old;
SELECT count(*) FROM Customer c JOIN old.Customer o USING(CustomerId)
 WHERE envelope_open(c.Name, 'Customer.Name', CustomerId) IS o.Name
   AND envelope_open(c.Email, 'Customer.Email', CustomerId) IS o.Email
   AND envelope_open(c.Phone, 'Customer.Phone', CustomerId) IS o.Phone
   AND c.City IS o.City;"
show "$same" 5000

title 'A wrong context is refused: another row, another column, none at all'
show "SELECT envelope_open(Email, 'Customer.Email', 2) FROM Customer WHERE CustomerId = 1;" \
    "$auth_error"
show "SELECT envelope_open(Phone, 'Customer.Email', 1) FROM Customer WHERE CustomerId = 1;" \
    "$auth_error"
show "SELECT envelope_open(Email) FROM Customer WHERE CustomerId = 1;" "$auth_error"

title 'So are damaged blobs, foreign ones, and what is none'
show "SELECT envelope_open(CAST(substr(Phone, 1, 99)
    || CASE substr(Phone, 100, 1) WHEN x'00' THEN x'01' ELSE x'00' END
    || substr(Phone, 101) AS BLOB), 'Customer.Phone', 1) FROM Customer WHERE CustomerId = 1;" \
    "$auth_error"
show "SELECT envelope_open(substr(Phone, 1, 100), 'Customer.Phone', 1) FROM Customer WHERE CustomerId = 1;" \
    'Error: envelope_open: truncated envelope: 100 bytes are too few'
run other.db "SELECT envelope_key_create('pii', 'keyring:app.keyring');
CREATE TABLE stolen AS SELECT envelope_seal('x', 'pii') AS e;" ".load '$so'" > other.out
run other.db "DROP TABLE envelope_key; DROP TABLE envelope_key_wrap;
DROP TABLE envelope_key_manifest;" '.nullvalue NULL'
echo '(other.db has an envelope of a key called pii of its own)'
show "ATTACH 'other.db' AS other;
SELECT envelope_open(e) FROM other.stolen;" \
    'Error: envelope_open: key unavailable: no key ???????????????? in *'
show "SELECT envelope_open('leonie.soerensen1@example.org');" \
    'Error: envelope_open: not an envelope: an envelope is a BLOB'

title 'Without the keyring and its key file, nothing opens'
ENVELOPE_KEYFILE=$work/wrong.key
head -c 32 /dev/urandom > wrong.key
echo '(with another key file)'
show "SELECT envelope_open(Email, 'Customer.Email', 1) FROM Customer WHERE CustomerId = 1;" \
    'Error: envelope_open: key pii version 1 is not available: *'
ENVELOPE_KEYFILE=$work/app.key

title 'Rotate the key, and rewrap: first a part, then the rest'
progress="SELECT k.version, k.state, count(*) AS rows
  FROM Customer c JOIN envelope_keys k ON k.key_id = envelope_key_id(c.Email)
 GROUP BY envelope_key_id(c.Email) ORDER BY k.version;"
show "SELECT envelope_key_rotate('pii');" '????????????????'
show "UPDATE Customer SET Email = envelope_rewrap(Email) WHERE CustomerId <= 1500;
$progress" '1 | decrypt-only | 3500
2 | active | 1500'
show "CREATE TEMP TABLE was AS SELECT CustomerId, Phone FROM Customer;
.timer on
UPDATE Customer SET Name = envelope_rewrap(Name), Email = envelope_rewrap(Email),
                    Phone = envelope_rewrap(Phone);
.timer off
$progress
SELECT sum(c.Phone <> was.Phone), sum(substr(c.Phone, 62) <> substr(was.Phone, 62))
  FROM Customer c JOIN was USING(CustomerId);" '*
2 | active | 5000
4286 | 0'
echo '(the headers of 4286 phone numbers changed, the sealed data of none)'
show "SELECT envelope_key_set_state(key_id, 'disabled') FROM envelope_keys WHERE version = 1;" \
    'disabled'
show "$same" 5000

title 'Search a sealed column, and keep it unique'
show "CREATE UNIQUE INDEX Customer_Email ON Customer(substr(Email, 14, 16));
SELECT CustomerId, envelope_open(Name, 'Customer.Name', CustomerId) FROM Customer
 WHERE substr(Email, 14, 16) =
       envelope_blind_index('leonie.soerensen1@example.org', 'pii', 'Customer.Email');" \
    '1 | Leonie Sørensen'
show "EXPLAIN QUERY PLAN SELECT CustomerId FROM Customer
 WHERE substr(Email, 14, 16) =
       envelope_blind_index('leonie.soerensen1@example.org', 'pii', 'Customer.Email');" \
    '*SEARCH Customer USING *INDEX Customer_Email (<expr>=?)'
show "INSERT INTO Customer(CustomerId, Email) VALUES(5001, envelope_seal_indexed(
  'leonie.soerensen1@example.org', 'pii', 'Customer.Email', 5001));" \
    "Error: UNIQUE constraint failed: index 'Customer_Email'*"

title 'Wipe what SQLite left behind, without the extension'
plain "PRAGMA integrity_check;
ANALYZE;
VACUUM;
PRAGMA wal_checkpoint(TRUNCATE);" 'ok
0 | 0 | 0'
show "$same" 5000

title 'The plaintext is nowhere in the database file'
count "$emails
Sørensen
+45 555 007919" 0
echo '(the town was not sealed:)'
count 'København' '[1-9]*'

printf '\ndemo: all of %d results are as expected\n' "$checks"
