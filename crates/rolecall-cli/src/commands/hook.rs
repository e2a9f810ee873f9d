//! `rolecall hook`: what a shell's startup file evaluates, so that `rolecall use` works in it.

use rolecall::Error;
use rolecall::export::shell::Shell;

use crate::cli::HookArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

/// In every shell it is two functions. The first stands before the command, runs `use` as though nothing were in use, so
/// that it sees the shell's own settings, and has the shell evaluate what it prints. The second runs before each prompt,
/// and every 30 seconds at most asks whether what is in use still answers.
pub(crate) fn run(args: &HookArgs) -> Result<Ended, CommandError> {
    output::print(match args.shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
        Shell::Cmd | Shell::PowerShell => return Err(unknown().into()),
    })?;
    Ok(Ended::WELL)
}

/// The error for a shell that has no hook.
pub(super) fn unknown() -> Error {
    Error::config("`rolecall use` knows bash, zsh and fish, and this shell is none of them")
        .with_hint("In any other shell `rolecall exec TARGET` runs a command, or a shell, under the target.")
}

const BASH: &str = r#"rolecall() {
  if [ "${1-}" != use ]; then
    command rolecall "$@"
    return
  fi
  local _rolecall_word _rolecall_code
  for _rolecall_word in "$@"; do
    case $_rolecall_word in
    -h | --help | -V | --version)
      command rolecall "$@"
      return
      ;;
    --) break ;;
    esac
  done
  shift
  _rolecall_code=$(
    if declare -F _rolecall_off >/dev/null; then _rolecall_off; fi
    command rolecall use --in "bash:$$" "$@"
  ) || return
  eval "$_rolecall_code"
}
_rolecall_prompt() {
  local _rolecall_status=$?
  if declare -F _rolecall_again >/dev/null && ((SECONDS - ${_rolecall_looked:-0} >= 30 || SECONDS < ${_rolecall_looked:-0})); then
    _rolecall_looked=$SECONDS
    if [ "$(command rolecall use --check --in "bash:$$")" = gone ]; then _rolecall_again; fi
  fi
  return $_rolecall_status
}
case ";${PROMPT_COMMAND[*]-};" in
*_rolecall_prompt*) ;;
*)
  if [ "${#PROMPT_COMMAND[@]}" -gt 1 ]; then
    PROMPT_COMMAND=(_rolecall_prompt "${PROMPT_COMMAND[@]}")
  else
    PROMPT_COMMAND="_rolecall_prompt${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
  fi
  ;;
esac
"#;

const ZSH: &str = r#"rolecall() {
  emulate -L zsh
  if [[ ${1-} != use ]]; then
    command rolecall "$@"
    return
  fi
  local _rolecall_word _rolecall_code
  for _rolecall_word in "$@"; do
    case $_rolecall_word in
    (-h|--help|-V|--version)
      command rolecall "$@"
      return
      ;;
    (--) break ;;
    esac
  done
  shift
  _rolecall_code=$(
    if (( ${+functions[_rolecall_off]} )); then _rolecall_off; fi
    command rolecall use --in "zsh:$$" "$@"
  ) || return
  eval "$_rolecall_code"
}
_rolecall_prompt() {
  emulate -L zsh
  if (( ${+functions[_rolecall_again]} )) && (( SECONDS - ${_rolecall_looked:-0} >= 30 || SECONDS < ${_rolecall_looked:-0} )); then
    typeset -gi _rolecall_looked=$SECONDS
    if [[ "$(command rolecall use --check --in "zsh:$$")" == gone ]]; then _rolecall_again; fi
  fi
}
autoload -Uz add-zsh-hook
add-zsh-hook precmd _rolecall_prompt
"#;

const FISH: &str = r#"function rolecall --description 'Use AWS through cross-account roles'
    if test "$argv[1]" != use
        command rolecall $argv
        return
    end
    for word in $argv
        if contains -- $word -h --help -V --version
            command rolecall $argv
            return
        end
        test $word = --; and break
    end
    set -e argv[1]
    for name in $_rolecall_names
        set -l how _rolecall_how_$name
        set -l kept _rolecall_kept_$name
        if contains -- "$$how" x X
            set -fx $name $$kept
        else
            set -fu $name
        end
    end
    command rolecall use --in fish:$fish_pid $argv | read -lz _rolecall_code
    set -l ended $pipestatus[1]
    test $ended -eq 0; or return $ended
    for name in $_rolecall_names
        set -ef $name
    end
    eval $_rolecall_code
end
function _rolecall_prompt --on-event fish_prompt
    functions -q _rolecall_again; or return
    set -l now (command date +%s)
    set -q _rolecall_looked; or set -g _rolecall_looked $now
    test (math $now - $_rolecall_looked) -ge 30; or return
    set -g _rolecall_looked $now
    if test "$(command rolecall use --check --in fish:$fish_pid)" = gone
        _rolecall_again
    end
end
"#;
