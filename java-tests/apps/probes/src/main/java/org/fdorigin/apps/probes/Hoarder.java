package org.fdorigin.apps.probes;

import java.io.FileInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/** Opens {@code --file=PATH} again and again until the process may open no more. */
public final class Hoarder {

  private Hoarder() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    String path = console.option("file");
    console.on("hoard", () -> hoardFortySeven(path)).serve(Map.of());
  }

  /** Every file is closed again before the answer, so that the process can go on. */
  static Map<String, ?> hoardFortySeven(String path) throws IOException {
    List<FileInputStream> hoard = new ArrayList<>();
    try {
      while (true) {
        hoard.add(new FileInputStream(path));
      }
    } catch (IOException e) {
      return Map.of("opened", hoard.size());
    } finally {
      for (FileInputStream one : hoard) {
        one.close();
      }
    }
  }
}
