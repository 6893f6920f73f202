# What scripts of acme.sh's dnsapi expect to find, for one of them that is run by cairn as a program of its own: written
# from what they call, for any POSIX shell. Read by dns_acmesh.c and fed to /bin/sh:
#   $1 add or remove   $2 name of the script   $3 its file   $4 name of the TXT record   $5 its value
# $__kept is what earlier runs saved ("KEY BASE64" lines); descriptor 3 gets all that is to be kept. $TMPDIR is a private
# folder that nobody else sees and that is gone afterwards. Secrets are in no argument list: curl reads them from a file.
__kept_file=$TMPDIR/.kept
__error_file=$TMPDIR/.error
HTTP_HEADER=$TMPDIR/.header
LE_WORKING_DIR=$TMPDIR
LE_CONFIG_HOME=$TMPDIR
USER_AGENT=cairn
ACME_OPENSSL_BIN=openssl
__given=$(env)
__newline='
'
printf '%s\n' "$__kept" >"$__kept_file"
: >"$HTTP_HEADER"
: >"$__error_file"

# ---- words to the user: all to standard error; the last error is what cairn shows ----

__say() {
  if [ $# -gt 1 ]; then printf "%s='%s'\n" "$1" "$2" >&2; else printf '%s\n' "$1" >&2; fi
}
__red() { printf '%s' "$1"; }
__green() { printf '%s' "$1"; }
_err() {
  __say "$@" 2>>"$__error_file"
  __say "$@"
  return 1
}
_info() { __say "$@"; }
_usage() { __say "$@"; }
_log() { :; }
_debug() { :; }
_debug2() { :; }
_debug3() { :; }
_secure_debug() { :; }
_secure_debug2() { :; }
_secure_debug3() { :; }

# ---- settings that are kept ----

__key_of() { printf '%s' "$1" | tr -c 'A-Za-z0-9_.' '_'; }
__forget() {
  __k=$(__key_of "$1")
  sed "/^$__k /d" "$__kept_file" >"$__kept_file.new" && mv "$__kept_file.new" "$__kept_file"
}
__keep() {
  __forget "$1"
  [ -z "$2" ] || printf '%s %s\n' "$(__key_of "$1")" "$(printf '%s' "$2" | _base64)" >>"$__kept_file"
}
__recall() {
  __k=$(__key_of "$1")
  sed -n "s/^$__k //p" "$__kept_file" | _dbase64
}
# What the environment has anyway needs no second copy on disk.
__is_given() {
  case "$__newline$__given$__newline" in
  *"$__newline$1=$2$__newline"*) return 0 ;;
  esac
  return 1
}
_saveaccountconf() { __keep "account.$1" "$2"; }
_readaccountconf() { __recall "account.$1"; }
_clearaccountconf() { __forget "account.$1"; }
_saveaccountconf_mutable() { __is_given "$1" "$2" || __keep "account.SAVED_$1" "$2"; }
_readaccountconf_mutable() { __recall "account.SAVED_$1"; }
_clearaccountconf_mutable() {
  __forget "account.SAVED_$1"
  __forget "account.$1"
}
_savedomainconf() { __is_given "$1" "$2" || __keep "domain.$1" "$2"; }
_readdomainconf() { __recall "domain.$1"; }
_cleardomainconf() { __forget "domain.$1"; }

# ---- text ----

_contains() { printf '%s\n' "$1" | grep -- "$2" >/dev/null 2>&1; }
_startswith() { printf '%s\n' "$1" | grep -- "^$2" >/dev/null 2>&1; }
_endswith() { printf '%s\n' "$1" | grep -- "$2\$" >/dev/null 2>&1; }
_egrep_o() { grep -E -o -- "$1" 2>/dev/null; }
_head_n() { head -n "$1"; }
_tail_n() { tail -n "$1"; }
_lower_case() { tr 'A-Z' 'a-z'; }
_upper_case() { tr 'a-z' 'A-Z'; }
_math() { printf '%s' "$(($*))"; }
_sed_i() { sed -i "$@"; }
_normalizeJson() { sed -e 's/^ *//' -e 's/" *: *\(["{[]\)/":\1/g' | tr -d '\r\n'; }
_json_decode() { sed -e 's#\\/#/#g'; }
# The field, or where it is empty the nearest one before it that is not.
_getfield() {
  __i=$2
  while [ "$__i" -gt 0 ]; do
    __field=$(printf '%s\n' "$1" | cut -d "${3:-,}" -f "$__i")
    if [ -n "$__field" ]; then
      printf '%s' "$__field"
      return 0
    fi
    __i=$((__i - 1))
  done
}
_url_encode() {
  od -A n -v -t x1 | awk -v upper="$1" '
    BEGIN { for (i = 0; i < 256; i++) { h = sprintf("%02x", i); c = sprintf("%c", i); plain[h] = (i < 128 && c ~ /^[A-Za-z0-9_.~-]$/) ? c : "" } }
    { for (i = 1; i <= NF; i++) printf "%s", plain[$i] != "" ? plain[$i] : "%" (upper != "" ? toupper($i) : $i) }'
}
_url_replace() { tr '/+' '_-' | tr -d '= \r\n'; }
_idn() {
  if printf '%s' "$1" | LC_ALL=C grep '[^ -~]' >/dev/null 2>&1; then
    for __tool in idn2 idn; do
      if _exists "$__tool"; then
        "$__tool" --quiet "$1" | tr -d '\r\n'
        return
      fi
    done
    _err "idn2 is needed for the name $1"
    return
  fi
  printf '%s' "$1"
}

# ---- octets and cryptography ----

_hex_dump() { od -A n -v -t x1 | tr -d '\r\t\n'; }
_h2b() {
  # shellcheck disable=SC2059
  printf "$(tr -d ' \r\n\t' | awk '{ for (i = 1; i < length($0); i += 2) {
    n = 16 * (index("0123456789abcdef", tolower(substr($0, i, 1))) - 1) + index("0123456789abcdef", tolower(substr($0, i + 1, 1))) - 1
    printf "\\%03o", n } }')"
}
_base64() {
  if [ "$1" = multiline ]; then openssl base64 -e; else openssl base64 -e | tr -d '\r\n'; fi
}
_dbase64() { tr -d ' \r\n' | openssl base64 -d -A; }
__octets_or_hex() { if [ -n "$1" ]; then _hex_dump | tr -d ' '; else _base64; fi; }
_digest() { openssl dgst "-$1" -binary | __octets_or_hex "$2"; }
__block_of() {
  case "$1" in
  sha384 | sha512) printf 128 ;;
  sha3-224) printf 144 ;;
  sha3-256) printf 136 ;;
  sha3-384) printf 104 ;;
  sha3-512) printf 72 ;;
  *) printf 64 ;;
  esac
}
# RFC 2104 on openssl's digests: an option with the key would be in an argument list.
__pad() {
  __rest=$1
  __left=$2
  while [ "$__left" -gt 0 ]; do
    __two=00
    if [ -n "$__rest" ]; then
      __tail=${__rest#??}
      __two=${__rest%"$__tail"}
      __rest=$__tail
    fi
    __n=$((0x$__two ^ $3))
    # shellcheck disable=SC2059
    printf "\\$((__n / 64))$((__n / 8 % 8))$((__n % 8))"
    __left=$((__left - 1))
  done
}
_hmac() {
  __block=$(__block_of "$1")
  __mac_key=$2
  if [ ${#__mac_key} -gt $((2 * __block)) ]; then __mac_key=$(printf '%s' "$__mac_key" | _h2b | _digest "$1" hex); fi
  __inner=$({
    __pad "$__mac_key" "$__block" 54
    cat
  } | _digest "$1" hex)
  {
    __pad "$__mac_key" "$__block" 92
    printf '%s' "$__inner" | _h2b
  } | _digest "$1" "$3"
}
# The second argument may have more options of openssl.
_sign() {
  # shellcheck disable=SC2086
  openssl dgst -sign "$1" -$2 | _base64
}
_isRSA() { openssl rsa -in "$1" -noout 2>/dev/null; }

# ---- the system ----

_exists() { command -v "$1" >/dev/null 2>&1; }
_mktemp() { mktemp; }
_time() { date -u +%s; }
_utc_date() { date -u '+%Y-%m-%d %H:%M:%S'; }
_sleep() { sleep "$1"; }
_ns_lookup() {
  for __tool in dig kdig; do
    if _exists "$__tool"; then
      "$__tool" +short "$1" "${2:-TXT}"
      return
    fi
  done
}

# ---- HTTP ----

_resethttp() { :; }
__option() { printf '%s = "%s"\n' "$1" "$(printf '%s' "$2" | sed -e 's/[\\"]/\\&/g' | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }')"; }
# __http URL METHOD BODY_FILE CONTENT_TYPE SECONDS, with the headers that the script has set
__http() {
  __curl=$TMPDIR/.curl
  {
    __option url "$1"
    __option user-agent "$USER_AGENT"
    __option dump-header "$HTTP_HEADER"
    printf 'silent\nshow-error\nlocation\ngloboff\nconnect-timeout = 20\nmax-time = %s\n' "${5:-120}"
    case "${HTTPS_INSECURE:-0}" in 0) ;; *) echo insecure ;; esac
    if [ -n "$CA_BUNDLE" ]; then __option cacert "$CA_BUNDLE"; fi
    case "$2" in
    "") ;;
    HEAD) echo head ;;
    *) __option request "$2" ;;
    esac
    if [ -n "$3" ]; then __option data-binary "@$3"; fi
    if [ -n "$4" ]; then __option header "Content-Type: $4"; fi
    for __header in "$_H1" "$_H2" "$_H3" "$_H4" "$_H5"; do
      if [ -n "$__header" ]; then __option header "$__header"; fi
    done
  } >"$__curl"
  curl --config "$__curl" 2>"$__curl.error"
  __code=$?
  if [ "$__code" != 0 ]; then _err "$(cat "$__curl.error")"; fi
  return $__code
}
# _post BODY URL [BASE64] [METHOD] [CONTENT-TYPE]
_post() {
  printf '%s' "$1" >"$TMPDIR/.body"
  if [ -n "$3" ]; then
    __http "$2" "${4:-POST}" "$TMPDIR/.body" "$5" >"$TMPDIR/.answer"
    _ret=$?
    _base64 <"$TMPDIR/.answer"
    return $_ret
  fi
  __http "$2" "${4:-POST}" "$TMPDIR/.body" "$5"
  _ret=$?
  return $_ret
}
# _get URL [ONLY-HEADERS] [SECONDS]
_get() {
  __http "$1" "${2:+HEAD}" "" "" "$3"
  _ret=$?
  return $_ret
}

# ---- the work ----

__act() {
  # shellcheck disable=SC1090
  . "$3"
  case "$1" in
  add) "${2}_add" "$4" "$5" ;;
  *) "${2}_rm" "$4" "$5" ;;
  esac
}

exec </dev/null 3>&1 1>&2
# in a shell of its own: a script may end it
(__act "$@")
__result=$?
cat "$__kept_file" >&3
tail -n 1 "$__error_file" >&2
exit $__result
