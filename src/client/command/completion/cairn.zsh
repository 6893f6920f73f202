#compdef cairn
# zsh completion of cairn: put it into a folder of $fpath as _cairn
_cairn()
{
    local line value before=''
    local -a closed open
    local -a asked=("${(@Q)words[2,CURRENT]}")
    local files='' folders=''
    while IFS= read -r line; do
        case $line in
        :files) files=1 ;;
        :folders) folders=1 ;;
        *)
            [[ $asked[-1] == --*=* ]] && before="${asked[-1]%%=*}="
            value=${${line%%$'\t'*}#$before}
            value="${value//:/\\:}:${line#*$'\t'}"
            [[ $line == *:$'\t'* ]] && open+=("$value") || closed+=("$value")
            ;;
        esac
    done < <("${~words[1]}" completion words -- "${asked[@]}" 2>/dev/null)
    if [[ -n $files$folders ]]; then
        [[ $asked[-1] == --*=* ]] && compset -P '*='
        [[ $asked[-1] == *:* ]] && compset -P '*:'
        if [[ -n $folders ]]; then _files -/; else _files; fi
        return
    fi
    [[ -n $before ]] && compset -P '*='
    (( $#closed )) && _describe -V cairn closed
    (( $#open )) && _describe -V cairn open -S ''
}
if [[ $funcstack[1] == _cairn ]]; then
    _cairn "$@"
else
    compdef _cairn cairn
fi
