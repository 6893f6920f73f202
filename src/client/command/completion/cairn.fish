# fish completion of cairn: put it into ~/.config/fish/completions/cairn.fish, or source it
function __cairn_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    set -l before (string match -r -- '^(?:--[^=]*=)?(?:[a-z]*:)?' "$current")
    set -l rest (string sub -s (math (string length -- "$before") + 1) -- "$current")
    for line in ($typed[1] completion words -- $typed[2..] "$current" 2>/dev/null)
        switch $line
            case ':files'
                for path in (__fish_complete_path "$rest")
                    echo "$before$path"
                end
            case ':folders'
                for path in (__fish_complete_directories "$rest" '')
                    echo "$before$path"
                end
            case '*'
                echo $line
        end
    end
end
complete -c cairn -f -a '(__cairn_complete)'
