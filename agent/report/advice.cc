#include "report/advice.h"

#include <algorithm>
#include <string_view>

#include "report/text.h"

namespace fdorigin {
namespace {

std::string_view BaseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Functions that open files for their own use and keep them: what they open is not their caller's.
bool IsNameService(std::string_view symbol) {
  for (const std::string_view prefix :
       {"getpw",      "getgr",   "getsp",    "gethost", "getaddrinfo", "getnameinfo",
        "getnet",     "getserv", "getproto", "getrpc",  "getnetgr",    "getifaddrs",
        "initgroups", "innetgr", "res_",     "__res_",  "__nscd",      "__nss",
        "syslog",     "vsyslog", "openlog",  "setpw",   "setgr"}) {
    if (symbol.starts_with(prefix)) return true;
  }
  return false;
}

// "this listening socket (0.0.0.0:8080)"
std::string Noun(const OpenDescriptor& descriptor) {
  if (!descriptor.socket) {
    if (descriptor.kind == "file" || descriptor.kind == "directory" ||
        descriptor.kind == "device") {
      return "this " + descriptor.kind + " (" + EscapeToUtf8(descriptor.target) + ")";
    }
    if (descriptor.kind == "other") return "this descriptor";
    const bool word = descriptor.kind == "pipe" || descriptor.kind == "fifo";
    return "this " + descriptor.kind + (word ? "" : " descriptor");
  }
  const SocketDetails& socket = *descriptor.socket;
  if (socket.state == "LISTEN") return "this listening socket (" + socket.local + ")";
  if (!socket.remote.empty()) return "this connection to " + socket.remote;
  return "this " + socket.family + " socket";
}

// What a policies file could say, with what goes with it. Empty where no policy is asked.
std::string PolicyText(const AdviceQuery& query) {
  if (query.level != FailureLevel::kJava) return "";
  const OpenDescriptor& descriptor = *query.descriptor;
  constexpr const char* kFile = "-Djdk.crac.resource-policies=FILE";
  if (descriptor.socket) {
    const SocketDetails& socket = *descriptor.socket;
    if (socket.state == "LISTEN") {
      return std::string("a rule `type: socket` in ") + kFile +
             " with `action: reopen` (listening sockets only, and only in newer builds; else "
             "`close`)";
    }
    return std::string("a rule `type: socket` in ") + kFile +
           " with `action: close`: the Java object is closed then, so its owner must be able to "
           "make a new one; `ignore` makes the engine fail, `reopen` is for listening sockets only";
  }
  if (descriptor.kind == "pipe" || descriptor.kind == "fifo") {
    return std::string("a rule `type: pipe` in ") + kFile + " with `action: close`";
  }
  if (descriptor.kind == "file" || descriptor.kind == "directory" || descriptor.kind == "device") {
    return std::string("a rule `type: file` in ") + kFile +
           " with `path:` as a glob and `action: reopen` (or `close`); the file must be at that "
           "path when the process is restored";
  }
  return std::string("a rule `type: filedescriptor` in ") + kFile +
         " with `action: close`, in builds that know that type";
}

constexpr const char* kNoPolicy =
    " No Java object owns it, so no rule in -Djdk.crac.resource-policies is ever asked about it.";

Advice NativeAdvice(const AdviceQuery& query, Opener opener) {
  std::string text;
  if (opener == Opener::kLibc) {
    text = "libc opened " + Noun(*query.descriptor) + " for its own use";
    const SymbolizedFrame* entry_point = LibcEntryPoint(query.frames);
    if (entry_point != nullptr && !entry_point->symbol.empty()) {
      text += ", inside " + EscapeToUtf8(entry_point->symbol);
    }
    text += ".";
    if (query.culprit != nullptr) {
      text += " The call came from " + DescribeFrame(*query.culprit) + ".";
    }
    text += kNoPolicy;
    text +=
        " Avoid that call before the checkpoint, or turn off the service behind it (nscd, sssd, an "
        "NSS module in nsswitch.conf) in the container where the checkpoint is made.";
  } else {
    text = "Native code opened " + Noun(*query.descriptor);
    if (query.culprit != nullptr) text += ": " + DescribeFrame(*query.culprit);
    text += ".";
    text += kNoPolicy;
    text +=
        " Close it by that library's own means, for example from an org.crac.Resource's "
        "beforeCheckpoint that shuts down the Java object in front of it, or do not load the "
        "library before the checkpoint.";
  }
  if (query.descriptor->kind == "socket") {
    text +=
        " -XX:CRaCAllowedOpenFilePrefixes=socket: only moves the failure into the engine: criu "
        "refuses a unix socket whose other end it does not dump.";
  }
  return {"native", text};
}

Advice JvmAdvice(const AdviceQuery& query, Opener opener) {
  std::string text;
  if (opener == Opener::kJvm) {
    text =
        "The JVM itself opened " + Noun(*query.descriptor) +
        ". Such descriptors are often short-lived (cgroup files, logs, attach): try the "
        "checkpoint again. If it stays, turn off the JVM feature that uses it; a file can be let "
        "through with -XX:CRaCAllowedOpenFilePrefixes=PATH.";
  } else {
    text = "The JDK opened " + Noun(*query.descriptor) +
           " for its own use; no frame of the application is in its stack. See the stack for the "
           "JDK class, and close or stop what uses it before the checkpoint.";
  }
  return {"jvm", text};
}

// Whether a JDK class of that name made it: one between the call and the application's first frame.
bool IsPartOf(const AdviceQuery& query, std::string_view class_suffix) {
  for (const SymbolizedFrame& frame : query.frames) {
    if (frame.owner == FrameOwner::kApplication) return false;
    if (frame.owner == FrameOwner::kJdk && frame.class_name.ends_with(class_suffix)) return true;
  }
  return false;
}

// What the application's Resource has to do.
std::string ResourceText(const AdviceQuery& query) {
  constexpr const char* kRegister =
      " register an org.crac.Resource (keep a strong reference to it)";
  const bool selector = IsPartOf(query, "SelectorImpl");
  if (selector || query.level == FailureLevel::kSelector) {
    return std::string(" (or the framework's own CRaC support)") + kRegister +
           " whose beforeCheckpoint closes the channels and their selector, or cancels their keys "
           "and lets the selector select once, and whose afterRestore opens them again. A selector "
           "with registered keys is out of the reach of -Djdk.crac.resource-policies.";
  }
  if (query.descriptor->kind == "inotify" || IsPartOf(query, "WatchService")) {
    return std::string(kRegister) +
           " whose beforeCheckpoint closes the WatchService that it is a part of, and whose "
           "afterRestore makes a new one and registers its directories again. "
           "-Djdk.crac.resource-policies does not reach it.";
  }
  if (query.call.starts_with("accept")) {
    return std::string(kRegister) +
           " whose beforeCheckpoint closes it; the other side has to connect again.";
  }
  return std::string(kRegister) +
         " whose beforeCheckpoint closes it and whose afterRestore opens it again.";
}

Advice ResourceAdvice(const AdviceQuery& query) {
  const SymbolizedFrame& culprit = *query.culprit;
  const bool accepted = query.call.starts_with("accept");
  std::string text = DescribeFrame(culprit) + (accepted ? " accepted " : " opened ") +
                     Noun(*query.descriptor) + ". Let " + EscapeToUtf8(culprit.class_name) +
                     ResourceText(query);
  const std::string policy = PolicyText(query);
  if (!policy.empty()) text += " Without a change of the code: " + policy + ".";
  if (query.level == FailureLevel::kVm && text.find("resource-policies") == std::string::npos) {
    text +=
        " The VM found it without a Java object that owns it, so -Djdk.crac.resource-policies "
        "does not apply.";
  }
  return {"resource", text};
}

// On OpenJ9, where no descriptor is looked at before criu is. Its options are those of
// org.eclipse.openj9.criu.CRIUSupport; jdk.crac always sets tcpEstablished.
Advice CriuAdvice(const AdviceQuery& query, Opener opener) {
  const OpenDescriptor& descriptor = *query.descriptor;
  std::string text = query.culprit != nullptr
                         ? DescribeFrame(*query.culprit) +
                               (query.call.starts_with("accept") ? " accepted " : " opened ")
                         : "It is not known on whose behalf there is ";
  text += Noun(descriptor) + ". ";
  if (descriptor.target.ends_with(" (deleted)")) {
    text +=
        "criu copies a file that is deleted up to a limit of 1 MiB, which "
        "CRIUSupport.setGhostFileLimit raises.";
  } else if (descriptor.socket && descriptor.socket->family == "unix") {
    text +=
        "criu refuses a unix socket whose other end it does not dump, but with "
        "CRIUSupport.setExtUnixSupport(true).";
  } else if (descriptor.socket) {
    text +=
        "criu refuses a connection, but with CRIUSupport.setTCPEstablished(true), or "
        "setTCPClose(true) in newer builds.";
  } else {
    text += "criu may not know this kind of descriptor.";
  }
  text +=
      " Else close it in a hook of CRIUSupport.registerPreCheckpointHook and open it again in one "
      "of "
      "registerPostRestoreHook. Which descriptor it was, criu's log says: criu.log in the "
      "directory of the image.";
  const bool native = opener == Opener::kLibc || opener == Opener::kNative;
  return {native                       ? "native"
          : query.culprit != nullptr   ? "resource"
          : opener == Opener::kUnknown ? "native"
                                       : "jvm",
          text};
}

// Nothing is known of who opened it.
Advice UnknownAdvice(const AdviceQuery& query) {
  const bool inherited = query.attribution == "inherited";
  std::string text = inherited ? "It was open before the agent came: start the JVM with "
                                 "-agentpath:libfdorigin.so to see who opens it."
                               : "Nobody was seen to open it (the reason is in `attribution`).";
  if (query.level == FailureLevel::kSelector) {
    return {"resource",
            text +
                " It belongs to a selector that still has registered keys: close its channels "
                "in an org.crac.Resource's beforeCheckpoint; policies do not reach selectors."};
  }
  if (query.level == FailureLevel::kJava) {
    return {"policy",
            text + " A Java object owns it, so this can handle it: " + PolicyText(query) + "."};
  }
  if (inherited) {
    text +=
        " If the JVM got it from its parent, -XX:CRaCIgnoredFileDescriptors can let it through.";
  }
  return {"native", text + kNoPolicy};
}

}  // namespace

std::string DescribeFrame(const SymbolizedFrame& frame) {
  if (frame.kind == FrameKind::kJava) {
    std::string text = EscapeToUtf8(frame.class_name) + "." + EscapeToUtf8(frame.method);
    if (!frame.file.empty()) {
      text += " (" + EscapeToUtf8(frame.file);
      if (frame.line) text += ":" + std::to_string(*frame.line);
      text += ")";
    }
    return text;
  }
  const std::string module = EscapeToUtf8(BaseName(frame.module));
  return frame.symbol.empty() ? module : EscapeToUtf8(frame.symbol) + " in " + module;
}

const SymbolizedFrame* LibcEntryPoint(const std::vector<SymbolizedFrame>& frames) {
  const SymbolizedFrame* entry = nullptr;
  for (const SymbolizedFrame& frame : frames) {
    if (frame.owner == FrameOwner::kAgent) continue;
    if (frame.kind != FrameKind::kNative || frame.owner != FrameOwner::kLibc) break;
    entry = &frame;
  }
  return entry;
}

Opener FindOpener(const std::vector<SymbolizedFrame>& frames, bool socket) {
  bool in_libc = false;
  bool name_service = false;
  bool in_jdk = false;
  for (const SymbolizedFrame& frame : frames) {
    if (frame.owner == FrameOwner::kAgent) continue;
    if (frame.kind == FrameKind::kJava) {
      if (in_jdk) return Opener::kJava;
      if (in_libc && (socket || name_service)) return Opener::kLibc;
      // No native code between libc and Java: a call through the foreign-function interface, but
      // for a native method of the JDK whose native frames could not be had.
      const bool jdk_native = frame.native_method && frame.owner == FrameOwner::kJdk;
      return jdk_native ? Opener::kJava : Opener::kNative;
    }
    if (frame.owner == FrameOwner::kJvm) {
      // libjvm calls some of the JDK's libraries itself, to read its own archives.
      return in_libc && !in_jdk && (socket || name_service) ? Opener::kLibc : Opener::kJvm;
    }
    // Java called it, also where libjvm comes below: the interpreter of the Zero VM is in there.
    const bool native_method = frame.owner == FrameOwner::kJdk && frame.symbol.starts_with("Java_");
    if (native_method && !(in_libc && (socket || name_service))) return Opener::kJava;
    if (in_jdk) continue;  // decided by what comes first, libjvm or Java
    if (frame.owner == FrameOwner::kLibc) {
      in_libc = true;
      name_service |= IsNameService(frame.symbol);
      continue;
    }
    if (in_libc && (socket || name_service)) return Opener::kLibc;
    if (frame.owner != FrameOwner::kJdk) return Opener::kNative;
    in_jdk = true;
  }
  return in_jdk ? Opener::kJava : in_libc ? Opener::kLibc : Opener::kUnknown;
}

Advice Advise(const AdviceQuery& query) {
  const bool java_culprit = query.culprit != nullptr && query.culprit->kind == FrameKind::kJava;
  const Opener opener = FindOpener(query.frames, query.descriptor->kind == "socket");
  if (query.level == FailureLevel::kCriu) return CriuAdvice(query, opener);
  switch (opener) {
    case Opener::kLibc:
    case Opener::kNative:
      return NativeAdvice(query, opener);
    case Opener::kJvm:
      return JvmAdvice(query, opener);
    case Opener::kJava:
      if (java_culprit) return ResourceAdvice(query);
      if (query.culprit != nullptr) return NativeAdvice(query, opener);
      if (query.level != FailureLevel::kJava) return JvmAdvice(query, opener);
      return {"policy", "The JDK opened " + Noun(*query.descriptor) +
                            " and no frame of the application is in its stack. A Java object owns "
                            "it, so this can handle it: " +
                            PolicyText(query) + "."};
    case Opener::kUnknown:
      break;
  }
  return java_culprit ? ResourceAdvice(query) : UnknownAdvice(query);
}

}  // namespace fdorigin
