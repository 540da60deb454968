package org.fdorigin.harness;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One way that {@code Labyrinth} of the probes has gone to where it opened a descriptor, as it has
 * noted it itself. {@code fd} is -1 where {@code file} was opened; {@code frames} are those of a
 * Throwable, {@code parts} the native ones from the innermost on, {@code text} is all of it.
 */
public record Nesting(
    int number,
    String thread,
    String file,
    int fd,
    long tid,
    List<Part> parts,
    List<Testimony.Seen> frames,
    String text) {

  /**
   * A native part, innermost first: the functions by their own word, and the addresses to which
   * they return, {@code MODULE+OFFSET} by libgcc's unwinder, which may know of more than them. The
   * first address is that of another call in the first function.
   */
  public record Part(List<String> functions, List<String> returns) {
    public String outermost() {
      return functions.get(functions.size() - 1);
    }
  }

  /** All that are in {@code nestings.txt}, in order. */
  public static List<Nesting> parseAll(List<String> lines) {
    List<Nesting> all = new ArrayList<>();
    int from = 0;
    for (int i = 1; i <= lines.size(); i++) {
      if (i == lines.size() || lines.get(i).startsWith("nesting\t")) {
        all.add(parse(lines.subList(from, i)));
        from = i;
      }
    }
    return all;
  }

  private static Nesting parse(List<String> lines) {
    String[] head = lines.get(0).split("\t");
    String[] opened = lines.get(2).split("\t");
    List<Part> parts = new ArrayList<>();
    List<Testimony.Seen> frames = new ArrayList<>();
    for (int i = 3; i < lines.size(); i++) {
      List<String> field = Arrays.asList(lines.get(i).split("\t", -1));
      if (field.get(0).equals("part")) {
        List<String> returns = Arrays.asList(lines.get(i + 1).split("\t"));
        parts.add(
            new Part(
                field.subList(1, field.size()),
                returns.subList(1, returns.size()).stream()
                    .map(text -> text.substring(text.lastIndexOf('/') + 1))
                    .toList()));
      } else if (field.get(0).equals("frame")) {
        frames.add(
            new Testimony.Seen(
                field.get(1) + "." + field.get(2),
                field.get(3),
                Math.max(0, Integer.parseInt(field.get(4)))));
      }
    }
    return new Nesting(
        Integer.parseInt(head[1]),
        head[2],
        lines.get(1).split("\t")[1],
        Integer.parseInt(opened[1]),
        Long.parseLong(opened[2]),
        parts,
        frames,
        String.join("\n", lines));
  }

  @Override
  public String toString() {
    return text;
  }
}
