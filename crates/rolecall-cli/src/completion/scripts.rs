//! What each shell evaluates. All they know is how to ask `rolecall complete`, and how to do what it answers.

use rolecall::export::shell::Shell;

/// The script of a shell that has one.
pub(crate) fn script(shell: Shell) -> Option<&'static str> {
    match shell {
        Shell::Bash => Some(BASH),
        Shell::Zsh => Some(ZSH),
        Shell::Fish => Some(FISH),
        Shell::Cmd | Shell::PowerShell => None,
    }
}

/// Bash hands over the line as it stands: only so are its quotes known, and what readline takes for a word.
const BASH: &str = r#"_rolecall_complete() {
  local line
  local -a found=()
  COMPREPLY=()
  while IFS= read -r line; do
    found+=("$line")
  done < <(command rolecall complete bash -- "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
  case ${found[0]-} in
  values)
    COMPREPLY=("${found[@]:1}")
    case ${COMPREPLY[0]-} in
    */ | *= | *:) compopt -o nospace 2>/dev/null ;;
    esac
    ;;
  files) compopt -o default 2>/dev/null ;;
  dirs) compopt -o dirnames 2>/dev/null ;;
  command) _rolecall_command ;;
  esac
}
# What stands behind `--` is a command line of its own.
_rolecall_command() {
  local at=0 word spec
  while [ "$at" -lt "$COMP_CWORD" ] && [ "${COMP_WORDS[at]}" != -- ]; do at=$((at + 1)); done
  at=$((at + 1))
  if [ "$at" -gt "$COMP_CWORD" ]; then return; fi
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "$at"
    return
  fi
  if declare -F _command_offset >/dev/null; then
    _command_offset "$at"
    return
  fi
  if [ "$at" -eq "$COMP_CWORD" ]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do
      COMPREPLY+=("$word")
    done < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    return
  fi
  for word in "${COMP_WORDS[@]:0:at}"; do
    spec=${COMP_LINE#*"$word"}
    COMP_POINT=$((COMP_POINT - ${#COMP_LINE} + ${#spec}))
    COMP_LINE=$spec
  done
  spec=${COMP_LINE#"${COMP_LINE%%[![:space:]]*}"}
  COMP_POINT=$((COMP_POINT - ${#COMP_LINE} + ${#spec}))
  COMP_LINE=$spec
  COMP_WORDS=("${COMP_WORDS[@]:at}")
  COMP_CWORD=$((COMP_CWORD - at))
  spec=$(complete -p -- "${COMP_WORDS[0]}" 2>/dev/null)
  case $spec in
  *" -F "*)
    spec=${spec#* -F }
    "${spec%% *}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    ;;
  *) compopt -o default 2>/dev/null ;;
  esac
}
complete -F _rolecall_complete rolecall
"#;

/// Zsh knows its words and quotes what it inserts. As a file named `_rolecall` in `fpath` it does as well.
const ZSH: &str = r#"#compdef rolecall
_rolecall_complete() {
  emulate -L zsh -o extended_glob
  local -a found values shown open open_shown
  local line value about
  found=("${(@f)$(command rolecall complete zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  case ${found[1]-} in
  (values)
    for line in "${(@)found[2,-1]}"; do
      value=${line%%$'\t'*}
      about=${line#*$'\t'}
      [[ -n $value ]] || continue
      [[ -n $about ]] && about="$value  -- $about" || about=$value
      if [[ $value == *[/=:] ]]; then
        open+=("$value") open_shown+=("$about")
      else
        values+=("$value") shown+=("$about")
      fi
    done
    local -a how
    how=(-V rolecall -M 'm:{[:lower:][:upper:]}={[:upper:][:lower:]}')
    [[ "${shown[*]} ${open_shown[*]}" == *'  -- '* ]] && how+=(-l)
    (( $#values )) && compadd "$how[@]" -d shown -a values
    (( $#open )) && compadd "$how[@]" -S '' -d open_shown -a open
    ;;
  (files) compset -P '*='; _files ;;
  (dirs) compset -P '*='; _files -/ ;;
  (command)
    local at=${words[(i)--]}
    words=("${(@)words[at+1,-1]}")
    (( CURRENT -= at ))
    _normal
    ;;
  esac
}
if [[ ${funcstack[1]-} == _rolecall ]]; then
  _rolecall_complete "$@"
else
  (( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i }
  compdef _rolecall_complete rolecall
fi
"#;

/// Fish quotes what it inserts.
const FISH: &str = r#"function __rolecall_complete
    set -l line (commandline -cp | string collect)
    set -l found (command rolecall complete fish -- "$line" 2>/dev/null)
    switch "$found[1]"
        case values
            set -q found[2]; and printf '%s\n' $found[2..-1]
        case files
            __fish_complete_path (commandline -ct)
        case dirs
            __fish_complete_directories (commandline -ct)
        case command
            complete -C "$found[2]"
    end
end
complete -c rolecall -e
complete -c rolecall -k -f -a '(__rolecall_complete)'
"#;
