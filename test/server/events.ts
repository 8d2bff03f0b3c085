/** Server-sent events of an answer, one after the other. */
export const readEvents = (answer: Response) => {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let isOver = false;
  /** The next event; comments have no name. `undefined`: the stream is over. */
  const next = async (): Promise<{ readonly event?: string; readonly data?: unknown } | undefined> => {
    for (;;) {
      const end = rest.indexOf('\n\n');
      if (end >= 0) {
        const fields = new Map(
          rest
            .slice(0, end)
            .split('\n')
            .map(line => /^([^:]*):? ?(.*)$/s.exec(line)?.slice(1) as [string, string]),
        );
        rest = rest.slice(end + 2);
        const [event, data] = [fields.get('event'), fields.get('data')];
        return { ...(event === undefined ? {} : { event }), ...(data === undefined ? {} : { data: JSON.parse(data) }) };
      }
      if (isOver || reader === undefined) return undefined;
      const { value, done } = await reader.read().catch(() => ({ value: undefined, done: true }));
      isOver = done;
      rest += value ?? '';
    }
  };
  return { next, cancel: async () => await reader?.cancel() };
};
