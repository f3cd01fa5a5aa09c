import Glibc
import Testing

@testable import WeirBPF

/// The sentences that an operator sees when the kernel refuses something.
@Suite struct ErrorTests {
    /// As libbpf prints it, shortened.
    private static let refusal = """
        libbpf: prog 'weir_connect4': BPF program load failed: Permission denied
        libbpf: prog 'weir_connect4': -- BEGIN PROG LOAD LOG --
        0: R1=ctx() R10=fp0
        ; struct bpf_sock *sk = ctx->sk; @ connect.bpf.h:234
        0: (79) r2 = *(u64 *)(r1 +64)
        1: (61) r0 = *(u32 *)(r2 +0)
        R2 invalid mem access 'sock_or_null'
        processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
        -- END PROG LOAD LOG --
        libbpf: prog 'weir_connect4': failed to load: -13
        libbpf: failed to load object 'weir'

        """

    @Test func takesTheVerifiersLastWords() {
        #expect(BPFError.verifierLine(in: Self.refusal) == "R2 invalid mem access 'sock_or_null'")
    }

    /// Two programs were verified; the second was refused.
    @Test func takesThoseOfTheLastProgram() {
        let first = Self.refusal.replacingOccurrences("R2 invalid", "R9 invalid")
        #expect(BPFError.verifierLine(in: first + Self.refusal) == "R2 invalid mem access 'sock_or_null'")
    }

    @Test(arguments: ["", "libbpf: failed to find valid kernel BTF\n", "processed by hand\nnothing"])
    func knowsThatItDidNotSpeak(_ log: String) { #expect(BPFError.verifierLine(in: log) == nil) }

    @Test func saysWhatTheVerifierSaid() {
        let error = BPFError(code: EACCES, operation: "load", subject: "the BPF programs", log: Self.refusal)
        #expect(
            error.description
                == "cannot load the BPF programs: the kernel's verifier says: R2 invalid mem access 'sock_or_null'; run "
                + "again with --verbose for the whole log, and report it with the output of `uname -r`")
        #expect(error.log == Self.refusal)
    }

    @Test(arguments: [
        (EPERM, "", "operation not permitted; run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"),
        (ENOMEM, "", "cannot allocate memory; free memory, or raise RLIMIT_MEMLOCK on kernels before 5.11"),
        (
            ESRCH, "libbpf: failed to find valid kernel BTF",
            "no such process; the kernel has no BTF: boot one with CONFIG_DEBUG_INFO_BTF=y (/sys/kernel/btf/vmlinux)"
        ),
        (EINVAL, "", "invalid argument"),
    ])
    func advises(_ code: Int32, _ log: String, _ expected: String) {
        let error = BPFError(code: code, operation: "load", subject: "it", log: log)
        #expect(error.description == "cannot load it: \(expected)")
    }

    @Test func givesTheAdviceItIsGiven() {
        let error = BPFError(code: EINVAL, operation: "attach", subject: "it", advice: "the hook needs Linux 5.9")
        #expect(error.description == "cannot attach it: invalid argument; the hook needs Linux 5.9")
    }

    /// A refusal says which Linux is needed, where the running one is older.
    @Test(arguments: [
        ("5.10.0-28-amd64", "this is Linux 5.10.0-28-amd64, and the programs need Linux 5.15"), ("5.15.0", nil),
        ("6.18.5", nil), ("4.19.0+", "this is Linux 4.19.0+, and the programs need Linux 5.15"), ("", nil),
        ("x.y", nil),
    ])
    func namesTheKernelThatIsNeeded(_ release: String, _ expected: String?) {
        #expect(KernelVersion.advice("the programs need", need: .ofPrograms, release: release) == expected)
    }

    /// libbpf 1.x returns -errno; 0 and more are results.
    @Test func readsReturnValues() throws {
        #expect(try check(0, "do", "it") == 0)
        #expect(try check(7, "do", "it") == 7)
        #expect(throws: BPFError.self) { try check(-ENOENT, "do", "it") }
        do {
            try check(-ENOENT, "open", "/sys/fs/bpf/weir/maps/weir_pods")
        } catch {
            #expect(error.code == ENOENT)
            #expect(error.description == "cannot open /sys/fs/bpf/weir/maps/weir_pods: no such file or directory")
        }
    }

    @Test func decodesBase64() {
        #expect(Base64.decode("") == [])
        #expect(Base64.decode("Zg==") == Array("f".utf8))
        #expect(Base64.decode("Zm8=") == Array("fo".utf8))
        #expect(Base64.decode("Zm9vYmFy") == Array("foobar".utf8))
        #expect(Base64.decode("+/+/") == [0xfb, 0xff, 0xbf])
        #expect(Base64.decode("Zm9v!") == nil)
    }
}

extension String {
    fileprivate func replacingOccurrences(_ old: String, _ new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}
