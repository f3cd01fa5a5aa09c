import ArgumentParser
import Glibc
import WeirBPF
import WeirCore

/// Options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Flag(help: "Print everything the kernel's verifier said when it refuses a program.")
    var verbose = false
}

/// Runs the body of a command: an error becomes one sentence on stderr and exit status 2.
func reporting(_ options: GlobalOptions, _ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let exit as ExitCode {
        throw exit
    } catch let error as BPFError {
        if options.verbose && !error.log.isEmpty { writeError(error.log) }
        writeError("weir: \(error)")
        throw ExitCode(2)
    } catch {
        writeError("weir: \(error)")
        throw ExitCode(2)
    }
}

func writeError(_ text: String) {
    let line = text.hasSuffix("\n") ? text : text + "\n"
    _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
}
