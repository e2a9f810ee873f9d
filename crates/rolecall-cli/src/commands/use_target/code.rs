//! Shell code that puts pointers in the place of what a shell has, and gives it back.
//!
//! What a shell had never leaves it: the code has the shell copy each value from variable to variable, so that it comes back
//! byte for byte whatever it holds, and no key goes through a pipe.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rolecall::export::shell::{Shell, quote};
use zeroize::Zeroizing;

/// What comes into the shell, and how it is had again.
pub(super) struct Pointers<'a> {
    /// Variables that the shell must not have.
    pub(super) remove: &'a [String],
    /// Variables that it gets.
    pub(super) set: &'a [(String, Zeroizing<String>)],
    /// The arguments of `rolecall use` that lead here.
    pub(super) words: &'a [String],
}

/// Code that takes back what is in use, and then keeps, unsets and sets. A shell in which one of the variables is readonly
/// says so, and nothing is in use in it.
pub(super) fn on(shell: Shell, pointers: &Pointers<'_>) -> Zeroizing<String> {
    // A name that is none to a shell can be no variable of it.
    let names: BTreeSet<&str> = pointers
        .remove
        .iter()
        .chain(pointers.set.iter().map(|(name, _)| name))
        .map(String::as_str)
        .filter(|name| is_name(name))
        .collect();
    let names = names.into_iter().collect::<Vec<_>>().join(" ");
    let words: Vec<_> = pointers
        .words
        .iter()
        .map(|word| quote(shell, word).to_string())
        .collect();
    let words = words.join(" ");
    let mut sets = Zeroizing::new(String::with_capacity(4096));
    for (name, value) in pointers.set {
        let value = quote(shell, value);
        let _ = match shell {
            Shell::Zsh => writeln!(sets, "  typeset -gx {name}={}", *value),
            Shell::Fish => writeln!(sets, "    set -gx {name} {}", *value),
            _ => writeln!(sets, "  export {name}={}", *value),
        };
    }
    let frame = match shell {
        Shell::Fish => [FISH_FUNCTIONS, FISH_ON],
        Shell::Zsh => [ZSH_FUNCTIONS, POSIX_ON],
        _ => [BASH_FUNCTIONS, POSIX_ON],
    };
    let mut code = Zeroizing::new(String::with_capacity(16 * 1024));
    code.push_str(off(shell));
    for part in frame {
        let part = part.replace("@NAMES@", &names).replace("@WORDS@", &words);
        match part.split_once("@SETS@\n") {
            None => code.push_str(&part),
            Some((before, after)) => {
                code.push_str(before);
                code.push_str(&sets);
                code.push_str(after);
            }
        }
    }
    code
}

/// Code that gives back what the shell had, and does nothing where nothing is in use.
pub(super) fn off(shell: Shell) -> &'static str {
    match shell {
        Shell::Fish => "if functions -q _rolecall_off; _rolecall_off; end\n",
        _ => "if typeset -f _rolecall_off >/dev/null; then _rolecall_off; fi\n",
    }
}

/// Code that writes a text.
pub(super) fn say(shell: Shell, text: &str) -> String {
    format!("printf '%s\\n' {}\n", *quote(shell, text))
}

fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `export -n`: under `set -a` a shell would export what it keeps.
const BASH_FUNCTIONS: &str = r#"_rolecall_keep() {
  local _rolecall_n _rolecall_f
  for _rolecall_n in "$@"; do
    unset "_rolecall_kept_$_rolecall_n" "_rolecall_how_$_rolecall_n"
    eval "_rolecall_f=\${$_rolecall_n+x}"
    [ -n "$_rolecall_f" ] || continue
    _rolecall_f=$(declare -p "$_rolecall_n")
    _rolecall_f=${_rolecall_f#declare -}
    _rolecall_f=${_rolecall_f%%[ =]*}
    case $_rolecall_f in
    *r*)
      printf 'rolecall: %s is readonly in this shell, so that nothing can be put to use in it\n' "$_rolecall_n" >&2
      return 1
      ;;
    *x*) _rolecall_f=x ;;
    *) _rolecall_f=v ;;
    esac
    eval "_rolecall_kept_$_rolecall_n=\$$_rolecall_n _rolecall_how_$_rolecall_n=$_rolecall_f"
    export -n "_rolecall_kept_$_rolecall_n" "_rolecall_how_$_rolecall_n"
  done
}
_rolecall_back() {
  local _rolecall_n _rolecall_f
  for _rolecall_n in "$@"; do
    unset "$_rolecall_n"
    eval "_rolecall_f=\${_rolecall_how_$_rolecall_n-}"
    [ -n "$_rolecall_f" ] || continue
    eval "$_rolecall_n=\$_rolecall_kept_$_rolecall_n"
    if [ "$_rolecall_f" = x ]; then export "$_rolecall_n"; else export -n "$_rolecall_n"; fi
    unset "_rolecall_kept_$_rolecall_n" "_rolecall_how_$_rolecall_n"
  done
}
"#;

const ZSH_FUNCTIONS: &str = r#"_rolecall_keep() {
  emulate -L zsh
  local _rolecall_n _rolecall_f
  for _rolecall_n in "$@"; do
    unset "_rolecall_kept_$_rolecall_n" "_rolecall_how_$_rolecall_n"
    (( ${(P)+_rolecall_n} )) || continue
    _rolecall_f=${(tP)_rolecall_n}
    case $_rolecall_f in
    (*readonly*)
      print -ru2 -- "rolecall: $_rolecall_n is readonly in this shell, so that nothing can be put to use in it"
      return 1
      ;;
    (*export*) _rolecall_f=x ;;
    (*) _rolecall_f=v ;;
    esac
    eval "typeset -g _rolecall_kept_$_rolecall_n=\"\$$_rolecall_n\" _rolecall_how_$_rolecall_n=$_rolecall_f"
  done
}
_rolecall_back() {
  emulate -L zsh
  local _rolecall_n _rolecall_f
  for _rolecall_n in "$@"; do
    unset "$_rolecall_n"
    eval "_rolecall_f=\${_rolecall_how_$_rolecall_n-}"
    [[ -n $_rolecall_f ]] || continue
    eval "typeset -g $_rolecall_n=\"\$_rolecall_kept_$_rolecall_n\""
    if [[ $_rolecall_f == x ]]; then eval "typeset -gx $_rolecall_n"; fi
    unset "_rolecall_kept_$_rolecall_n" "_rolecall_how_$_rolecall_n"
  done
}
"#;

const POSIX_ON: &str = r#"_rolecall_on() {
  _rolecall_keep @NAMES@ || return 1
  unset @NAMES@
@SETS@
}
_rolecall_off() {
  _rolecall_back @NAMES@
  unset -f _rolecall_off _rolecall_again
}
_rolecall_again() { rolecall use --again @WORDS@; }
if _rolecall_on; then
  unset -f _rolecall_on
else
  unset -f _rolecall_on _rolecall_off _rolecall_again
  false
fi
"#;

/// A universal variable (`U`, `X` where it is exported) cannot be taken away from one shell alone: a global one without
/// export in front of it hides it from the shell and from its programs.
const FISH_FUNCTIONS: &str = r"function _rolecall_keep
    for n in $argv
        set -eg _rolecall_kept_$n
        set -eg _rolecall_how_$n
        set -q $n; or continue
        set -g _rolecall_kept_$n $$n
        if set -qg $n
            set -g _rolecall_how_$n (set -qgx $n; and echo x; or echo v)
        else
            set -g _rolecall_how_$n (set -qUx $n; and echo X; or echo U)
        end
    end
end
function _rolecall_back
    for n in $argv
        set -eg $n
        set -l how _rolecall_how_$n
        set -l kept _rolecall_kept_$n
        switch $$how
            case x
                set -gx $n $$kept
            case v
                set -gu $n $$kept
        end
        set -eg $how
        set -eg $kept
    end
    return 0
end
";

const FISH_ON: &str = r"set -g _rolecall_names @NAMES@
function _rolecall_on
    _rolecall_keep $_rolecall_names
    for n in $_rolecall_names
        set -eg $n
        set -q $n; and set -gu $n
    end
@SETS@
    return 0
end
function _rolecall_off
    _rolecall_back $_rolecall_names
    set -eg _rolecall_names
    functions -e _rolecall_off _rolecall_again
end
function _rolecall_again
    rolecall use --again @WORDS@
end
_rolecall_on
functions -e _rolecall_on
";
