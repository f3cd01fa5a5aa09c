import ArgumentParser
import Glibc
import WeirAgent
import WeirBPF
import WeirCore

/// Options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Flag(help: "Print everything the kernel's verifier said when it refuses a program.")
    var verbose = false
}

/// Turns a bad value on the command line into a usage error, exit status 64.
func usage(_ body: () throws(InvalidValue) -> Void) throws {
    do {
        try body()
    } catch {
        throw ValidationError("\(error)")
    }
}

/// Runs the body of a command: an error becomes one sentence on stderr and exit status 2.
func reporting(_ options: GlobalOptions, _ body: () async throws -> Void) async throws {
    do {
        try await body()
        try finishOutput()
    } catch {
        throw report(error, options)
    }
}

/// The same for a body that does not wait.
func reportingNow(_ options: GlobalOptions, _ body: () throws -> Void) throws {
    do {
        try body()
        try finishOutput()
    } catch {
        throw report(error, options)
    }
}

/// What was printed has to have arrived: a disk may be full.
func finishOutput() throws {
    guard fflush(nil) != 0 else { return }
    throw BPFError(
        code: errno, operation: "write", subject: "to standard output",
        advice: "see that the disk is not full, and run the command again")
}

private func report(_ error: any Error, _ options: GlobalOptions) -> ExitCode {
    if let exit = error as? ExitCode {
        do {
            try finishOutput()
            return exit
        } catch {
            return report(error, options)
        }
    }
    if let error = error as? BPFError, options.verbose, !error.log.isEmpty { writeError(error.log) }
    writeError(ErrorText.lines(of: error).map { "weir: \($0)" }.joined(separator: "\n"))
    return ExitCode(2)
}

func writeError(_ text: String) {
    let line = text.hasSuffix("\n") ? text : text + "\n"
    _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
}
