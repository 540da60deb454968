package org.fdorigin.harness;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The native frames of all threads of a process that {@code eu-stack} has stopped for a moment.
 *
 * <p>Where there is no unwind information it follows frame pointers. So in a JVM whose Java code
 * keeps them, interpreted or with {@code -XX:+PreserveFramePointer}, it comes through all Java
 * frames to the native code that called them, and on. Which addresses are native is what the
 * kernel's map of the process says: eu-stack itself may count the code cache to the library below.
 */
public final class DebuggerStacks {

  private static final Pattern FRAME = Pattern.compile("#\\d+\\s+0x([0-9a-f]+).*");

  private final Map<Long, List<List<String>>> parts = new HashMap<>();
  private final Map<Long, List<String>> lines = new HashMap<>();

  private DebuggerStacks() {}

  /** Empty where there is no {@code eu-stack}, or where it may not look at the process. */
  public static Optional<DebuggerStacks> of(long pid) throws IOException {
    Process tool;
    try {
      tool =
          new ProcessBuilder("eu-stack", "-q", "-n", "0", "-p", Long.toString(pid))
              .redirectErrorStream(true)
              .start();
    } catch (IOException e) {
      return Optional.empty(); // Not installed.
    }
    DebuggerStacks stacks = new DebuggerStacks();
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(tool.getInputStream(), StandardCharsets.UTF_8))) {
      stacks.parse(in.lines().toList(), Code.of(pid));
    }
    return stacks.parts.isEmpty() ? Optional.empty() : Optional.of(stacks);
  }

  /**
   * The native parts of a thread's stack, innermost first, between which other frames are: where
   * each frame returns to, {@code MODULE+OFFSET} in hexadecimal.
   */
  public List<List<String>> parts(long tid) {
    List<List<String>> found = parts.get(tid);
    if (found == null) {
      throw new AssertionError("eu-stack shows no thread " + tid);
    }
    return found;
  }

  /** What eu-stack has printed of a thread. */
  public String text(long tid) {
    return String.join("\n", lines.getOrDefault(tid, List.of()));
  }

  private void parse(List<String> text, Code code) {
    List<List<String>> thread = new ArrayList<>();
    List<String> said = new ArrayList<>(); // before the first thread, of nobody
    boolean isNative = false;
    for (String line : text) {
      if (line.startsWith("TID ")) {
        long tid = Long.parseLong(line.substring(4, line.length() - 1));
        parts.put(tid, thread = new ArrayList<>());
        lines.put(tid, said = new ArrayList<>());
        isNative = false;
        continue;
      }
      said.add(line);
      Matcher frame = FRAME.matcher(line);
      if (!frame.matches()) {
        continue;
      }
      Optional<String> place = code.place(Long.parseUnsignedLong(frame.group(1), 16));
      if (place.isPresent() && !isNative) {
        thread.add(new ArrayList<>());
      }
      isNative = place.isPresent();
      if (isNative) {
        thread.get(thread.size() - 1).add(place.get());
      }
    }
  }

  /** The code of files that is mapped in a process, by {@code /proc/PID/maps}. */
  private static final class Code {
    private record Mapping(long end, String path, long base) {}

    private final TreeMap<Long, Mapping> mappings = new TreeMap<>();

    static Code of(long pid) throws IOException {
      Code code = new Code();
      Map<String, Long> bases = new HashMap<>();
      for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/maps"))) {
        // START-END PERMISSIONS OFFSET DEVICE INODE PATH
        String[] column = line.split("\\s+", 6);
        if (column.length < 6 || !column[5].startsWith("/")) {
          continue;
        }
        int dash = column[0].indexOf('-');
        long start = Long.parseUnsignedLong(column[0].substring(0, dash), 16);
        bases.putIfAbsent(column[5], start);
        if (column[1].charAt(2) == 'x') {
          long end = Long.parseUnsignedLong(column[0].substring(dash + 1), 16);
          code.mappings.put(start, new Mapping(end, column[5], bases.get(column[5])));
        }
      }
      return code;
    }

    Optional<String> place(long address) {
      Map.Entry<Long, Mapping> below = mappings.floorEntry(address);
      if (below == null || address > below.getValue().end()) {
        return Optional.empty();
      }
      Mapping mapping = below.getValue();
      String name = mapping.path().substring(mapping.path().lastIndexOf('/') + 1);
      return Optional.of(name + "+" + Long.toHexString(address - mapping.base()));
    }
  }
}
