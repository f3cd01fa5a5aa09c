/// Commands that are run to their end.
public enum Command {
    public static func output(
        _ arguments: [String], in place: Place = .here, input: String = "/dev/null",
        environment: [String: String] = [:]
    ) throws -> ChildProcess.Output {
        try ChildProcess(arguments, in: place, input: input, environment: environment).wait()
    }

    /// Runs a command that has to succeed, with the text as its standard input.
    @discardableResult
    public static func run(_ arguments: [String], in place: Place = .here, stdin: String = "") throws -> String {
        let input = stdin.isEmpty ? "/dev/null" : try Workspace.write("stdin", stdin)
        let result = try output(arguments, in: place, input: input)
        guard result.status == 0 else {
            throw TestError(
                "\(arguments.joined(separator: " ")) failed (\(result.status))",
                output: stdin + result.output + result.errors)
        }
        return result.output
    }
}
