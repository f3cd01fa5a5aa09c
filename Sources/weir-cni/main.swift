import Glibc
import WeirCNI

/// The process around `Plugin`: variables and standard input in, standard output and an exit status out.

func readInput() -> [UInt8] {
    var input: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = read(STDIN_FILENO, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        // A text that is cut off is not JSON, which the plugin says.
        guard count > 0, input.count < Plugin.inputLimit else { return input }
        input += buffer[..<count]
    }
}

func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
    }
}

func say(_ text: String) { write([UInt8]("weir-cni: \(text)\n".utf8), to: STDERR_FILENO) }

let variables = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"]
var environment: [String: String] = [:]
for name in variables { environment[name] = getenv(name).map { String(cString: $0) } }

guard environment["CNI_COMMAND"] != nil else {
    say("a CNI plugin, which container runtimes call; `weir cni install` puts it into their network configuration")
    exit(64)
}
let outcome = Plugin.run(environment, input: readInput())
if let remark = outcome.remark { say(remark) }
write(outcome.output, to: STDOUT_FILENO)
exit(outcome.status)
