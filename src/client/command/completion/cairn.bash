# shellcheck shell=bash
# bash completion of cairn: put it into /usr/share/bash-completion/completions/cairn, or source it
_cairn()
{
    local i piece line value whole='' before=''
    local -a words=()
    COMPREPLY=()
    # bash takes words apart at "=" and ":"; `before` is what it will not replace
    for ((i = 1; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        if [[ ${#words[@]} -gt 0 && ( $piece == [=:]* || $whole == *[=:] ) ]]; then
            before=${words[-1]}
            words[-1]+=$piece
            [[ $piece == [=:] ]] && before=${words[-1]}
        else
            before=''
            words+=("$piece")
        fi
        whole=$piece
    done
    while IFS= read -r line; do
        case $line in
        :files) compopt -o default ;;
        :folders) compopt -o dirnames ;;
        *)
            value=${line%%$'\t'*}
            [[ $value == *: ]] && compopt -o nospace
            COMPREPLY+=("${value#"$before"}")
            ;;
        esac
    done < <("${1/#\~/$HOME}" completion words -- "${words[@]}" 2>/dev/null)
}
complete -F _cairn cairn
