# Completion of berth's command line in bash: verbs, options and their values.
# shellcheck shell=bash

# Where the words of `berth run` stop being berth's own: the index of "--" or of the
# command, or the number of words when neither has come yet.
_berth_command_at() {
	local i=2

	while [ "$i" -lt "$COMP_CWORD" ]; do
		case ${COMP_WORDS[i]} in
		-n | --name | --listen | --policy | --weights | --mode | --unique | --private | --env | \
			--stop-signal | --stop-timeout | --backlog | --ready-timeout | --drain | --idle-close | --watch | --undo | --max-surge | \
			--max-unavailable | --probe | --probe-interval | --probe-timeout | --probe-failures | \
			--max-memory | --max-age | --max-connections | --hang-timeout | --max-restarts | \
			--stop-exit-codes | --quic | --udp-flows | --udp-idle)
			i=$((i + 1))
			# bash takes "--name=web" for three words.
			[ "${COMP_WORDS[i]-}" != = ] || i=$((i + 1))
			;;
		-*[!-]*) ;;
		*) break ;;
		esac
		i=$((i + 1))
	done
	printf '%s\n' "$i"
}

# What the word after $1 may be; fails where $1 takes no value.
_berth_values() {
	case $1 in
	-n) printf '%s\n' auto ;;
	--policy) printf '%s\n' round-robin balanced sticky weighted random-two hash shared ;;
	--mode) printf '%s\n' auto steered shared ;;
	--stop-signal) printf '%s\n' TERM INT QUIT HUP USR1 USR2 KILL WINCH ;;
	--listen) printf '%s\n' 127.0.0.1: 0.0.0.0: '[::]:' udp: unix:/ ;;
	--probe) printf '%s\n' http:/ tcp exec: ;;
	--ready-timeout | --idle-close | --watch | --undo | --hang-timeout) printf '%s\n' off ;;
	--name | --weights | --unique | --private | --env | --stop-timeout | --backlog | --drain | --max-surge | \
		--max-unavailable | --probe-interval | --probe-timeout | --probe-failures | \
		--max-memory | --max-age | --max-connections | --max-restarts | --stop-exit-codes | \
		--quic | --udp-flows | --udp-idle) ;;
	*) return 1 ;;
	esac
}

_berth_run() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} at values
	local options="-n --name --listen --policy --weights --mode --unique --private --env --stop-signal
		--stop-timeout --ready-timeout --probe --probe-interval --probe-timeout --probe-failures
		--notify --drain --idle-close --watch --undo --max-surge --max-unavailable --max-memory
		--max-age --max-connections --hang-timeout --max-restarts --stop-exit-codes --backlog
		--quic --udp-flows --udp-hold --udp-idle --quiet --json --help -h"

	# bash takes "--name=web" for three words, and "--name=" for two.
	if [ "$word" = = ]; then
		word=
	elif [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	at=$(_berth_command_at)
	if [ "${COMP_WORDS[at]-}" = -- ] && [ "$at" -lt "$COMP_CWORD" ]; then
		at=$((at + 1))
	fi
	if [ "$at" -lt "$COMP_CWORD" ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word") # an argument of the command
	elif [ "$before" != -- ] && values=$(_berth_values "$before"); then
		mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
	elif [ "$before" != -- ] && [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options --" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$word")
	fi
}

# $1: the options of a verb that asks a primary
_berth_client() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} place names=()

	# bash takes "--name=web" for three words, and "--name=" for two.
	if [ "$word" = = ]; then
		word=
	elif [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $before in
	--name)
		for place in "${BERTH_RUNTIME_DIR:-${XDG_RUNTIME_DIR-}/berth}"/*.sock /run/berth/*.sock; do
			[ ! -S "$place" ] || names+=("$(basename "$place" .sock)")
		done
		mapfile -t COMPREPLY < <(compgen -W "${names[*]}" -- "$word")
		;;
	--binary) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word") ;;
	esac
}

_berth() {
	local word=${COMP_WORDS[COMP_CWORD]} verbs='run ps describe ports events start stop restart
		reload undo drain kill scale upgrade why doctor'

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$verbs help --help -h --version -V" -- "$word")
		return
	fi
	case ${COMP_WORDS[1]} in
	run) _berth_run ;;
	reload) _berth_client '--name --canary --watch --timeout --json --help -h' ;;
	undo) _berth_client '--name --timeout --json --help -h' ;;
	ps) _berth_client '--name --drain --json --help -h' ;;
	describe | ports | start | kill | scale) _berth_client '--name --json --help -h' ;;
	events) _berth_client '--name --follow --after --json --help -h' ;;
	stop) _berth_client '--name --now --timeout --json --help -h' ;;
	drain | restart) _berth_client '--name --timeout --json --help -h' ;;
	upgrade) _berth_client '--name --binary --json --help -h' ;;
	why) mapfile -t COMPREPLY < <(compgen -W '--json --help -h' -- "$word") ;;
	doctor) mapfile -t COMPREPLY < <(compgen -W '--all --json --help -h' -- "$word") ;;
	help) mapfile -t COMPREPLY < <(compgen -W "$verbs help" -- "$word") ;;
	esac
}

complete -o filenames -F _berth berth
