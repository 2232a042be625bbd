#!/bin/sh
# curl, with the token in each of the places it may be; and a local provider that takes no credential.
set -eu
body='{"model":"m","messages":[{"role":"user","content":"Say hello."}]}'
ask() { curl -sS -o "$HOME/out" -w '%{http_code}' -H 'content-type: application/json' -d "$body" "$@"; }
chat=$GATEWAY/proxy/openai/v1/chat/completions
gemini=$GATEWAY/proxy/google/v1beta/models/m:generateContent
for place in 'Authorization: Bearer ' 'x-api-key: ' 'x-goog-api-key: ' 'api-key: '; do
    echo "${place%% } $(ask -H "$place$GOOD" "$chat")"
done
echo "?key= $(ask "$gemini?key=$GOOD")"
echo "nothing $(ask "$chat")"
echo "revoked $(ask -H "Authorization: Bearer $REVOKED" "$chat")"
echo "narrow $(ask "$gemini?key=$NARROW") $(grep -o PERMISSION_DENIED "$HOME/out")"
echo "ollama $(ask -H "Authorization: Bearer $GOOD" "$GATEWAY/proxy/ollama/v1/chat/completions")"
